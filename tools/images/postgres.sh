#!/bin/sh
# PostgreSQL's layer: what installing Debian's packages adds to the ground layer. Usage: postgres.sh FOLDER BASE_LAYER ENTRYPOINT
# Runs in a mount namespace of its own, so no mount survives it.
set -eu
work=$1 base=$2 entrypoint=$3
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
mkdir -p "$merged/etc/postgresql-common"
echo 'create_main_cluster = false' > "$merged/etc/postgresql-common/createcluster.conf"

in_root() { chroot "$merged" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
# The official image's numeric user: volumes and security contexts speak of it.
in_root groupadd --system --gid 999 postgres
in_root useradd --system --uid 999 --gid 999 --home-dir /var/lib/postgresql --shell /bin/bash postgres
in_root apt-get -q update
in_root apt-get -q install -y --no-install-recommends postgresql-15

install -m 755 "$entrypoint" "$merged/usr/local/bin/docker-entrypoint.sh"
mkdir -p "$merged/docker-entrypoint-initdb.d"
install -d -o 999 -g 999 -m 700 "$merged/var/lib/postgresql/data"
umount "$merged/dev" "$merged/proc" "$merged"

# The compiler for queries (LLVM) is larger than everything else together; without the module PostgreSQL does not look for it.
cd "$work/root"
rm -rf usr/lib/*/libLLVM* usr/lib/llvm* usr/lib/postgresql/15/lib/llvmjit* usr/lib/postgresql/15/lib/bitcode etc/resolv.conf \
  etc/apt/apt.conf.d/99host usr/sbin/policy-rc.d var/cache/apt/*.bin var/cache/apt/archives var/lib/apt/lists/* var/log/* \
  var/cache/debconf/*-old var/lib/dpkg/*-old run/* tmp/*
install -d -o 999 -g 999 -m 2775 run/postgresql
if find . -type c | grep .; then
  echo 'The installation deleted files of the ground layer, which this archive cannot express.' >&2
  exit 1
fi
