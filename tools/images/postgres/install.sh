# PostgreSQL, with the numeric user of the official image: volumes and security contexts speak of it.
groupadd --system --gid 999 postgres
useradd --system --uid 999 --gid 999 --home-dir /var/lib/postgresql --shell /bin/bash postgres
mkdir -p /etc/postgresql-common /docker-entrypoint-initdb.d
echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
apt-get -q install -y --no-install-recommends postgresql-15 < /dev/null

# The compiler for queries (LLVM) is larger than everything else together; without the module PostgreSQL does not look for it.
rm -rf /usr/lib/*/libLLVM* /usr/lib/llvm* /usr/lib/postgresql/15/lib/llvmjit* /usr/lib/postgresql/15/lib/bitcode
rm -rf /run/*
install -d -o 999 -g 999 -m 2775 /run/postgresql
install -d -o 999 -g 999 -m 700 /var/lib/postgresql/data
