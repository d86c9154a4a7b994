#!/bin/sh
# Ground layer of the images: a small Debian with Python. Usage: base.sh FOLDER MIRROR
set -eu
root=$1/root mirror=$2

# Read by every dpkg run in the new root: no documentation, no fsync for a folder that becomes an archive.
mkdir -p "$root/etc/dpkg/dpkg.cfg.d"
cat > "$root/etc/dpkg/dpkg.cfg.d/trim" <<EOF
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
EOF

debootstrap --variant=minbase --include=ca-certificates,python3 bookworm "$root" "$mirror"

# Containers may not write beside the modules, and the archive's fixed times would make time-stamped .pyc files stale.
chroot "$root" python3 -m compileall -q -f --invalidation-mode unchecked-hash /usr/lib/python3.11 /usr/lib/python3 || true

cd "$root"
rm -rf dev/* proc/* run/* tmp/* usr/share/doc usr/share/info usr/share/locale usr/share/man \
  var/cache/apt/*.bin var/cache/apt/archives/*.deb var/cache/debconf/*-old var/lib/apt/lists/* var/log/* etc/resolv.conf etc/hostname
