# MariaDB's server and client without the tools of a database host, with the numeric user of the official image.
groupadd --system --gid 999 mysql
useradd --system --uid 999 --gid 999 --home-dir /nonexistent --shell /usr/sbin/nologin mysql
apt-get -q install -y --no-install-recommends mariadb-server-core mariadb-client-core < /dev/null

cat > /etc/mysql/mariadb.conf.d/50-container.cnf << 'END'
[server]
bind-address = *
character-set-server = utf8mb4
datadir = /var/lib/mysql
skip-name-resolve
[client-server]
socket = /run/mysqld/mysqld.sock
END
rm -rf /run/*
install -d -o 999 -g 999 -m 755 /run/mysqld
install -d -o 999 -g 999 -m 700 /var/lib/mysql
