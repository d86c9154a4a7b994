#!/bin/sh
# A layer of Debian packages: what a script that installs them adds to the ground layer. Usage: packages.sh FOLDER BASE_LAYER SOURCE
# SOURCE/install.sh runs inside the new root with apt ready for use; SOURCE/docker-entrypoint.sh becomes the image's.
# Runs in a mount namespace of its own, so no mount survives it.
set -eu
work=$1 base=$2 source=$3
merged=$work/merged
mkdir -p "$work/lower" "$work/root" "$work/overlay" "$merged"
tar -xf "$base" -C "$work/lower"
mount -t overlay overlay -o "lowerdir=$work/lower,upperdir=$work/root,workdir=$work/overlay" "$merged"
mount -t proc proc "$merged/proc"
mount --bind /dev "$merged/dev"

# The host's way to its package mirror (proxies, certificates, name servers) for the time of the installation.
apt-config dump Acquire > "$merged/etc/apt/apt.conf.d/99host"
cp /etc/resolv.conf "$merged/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' > "$merged/usr/sbin/policy-rc.d"
chmod 755 "$merged/usr/sbin/policy-rc.d"

install -m 755 "$source/docker-entrypoint.sh" "$merged/usr/local/bin/docker-entrypoint.sh"
in_root() { chroot "$merged" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
in_root apt-get -q update
in_root sh -eu < "$source/install.sh"
umount "$merged/dev" "$merged/proc" "$merged"

cd "$work/root"
rm -rf etc/resolv.conf etc/apt/apt.conf.d/99host usr/sbin/policy-rc.d var/cache/apt/*.bin var/cache/apt/archives var/lib/apt/lists/* \
  var/log/* var/cache/debconf/*-old var/lib/dpkg/*-old tmp/*
if find . -type c | grep .; then
  echo 'The installation deleted files of the ground layer, which this archive cannot express.' >&2
  exit 1
fi
