#!/bin/bash
# Starts MariaDB the way the official image does: same variables, same folders, same arguments.
# Makes its databases in a folder of their own and moves them where they belong at the end, so that a start that is killed
# half-way is repaired by the next one.
set -euo pipefail

[[ ${1:-} == -* || $# == 0 ]] && set -- mariadbd "$@"
[[ $1 == mariadbd ]] || exec "$@"

data=/var/lib/mysql
if [[ $(id -u) == 0 ]]; then
  chown -R 999:999 "$data" /run/mysqld
  exec setpriv --reuid=999 --regid=999 --clear-groups "$0" "$@"
fi

# quoted VALUE: a string of SQL.
quoted() {
  local value=${1//\\/\\\\}
  printf "'%s'" "${value//\'/\\\'}"
}

# Run while the server does not look at rights yet; it can change them once it has read them.
users_and_databases() {
  local root database=${MARIADB_DATABASE:-} user
  root=$(quoted "$MARIADB_ROOT_PASSWORD")
  # There are roots of other hosts, without a password.
  echo "DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';"
  echo 'FLUSH PRIVILEGES;'
  echo "ALTER USER root@localhost IDENTIFIED BY $root;"
  echo "CREATE USER root@'%' IDENTIFIED BY $root;"
  echo "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;"
  if [[ -n $database ]]; then echo "CREATE DATABASE \`$database\`;"; fi
  if [[ -n ${MARIADB_USER:-} ]]; then
    : "${MARIADB_PASSWORD:?is missing for MARIADB_USER}"
    user=$(quoted "$MARIADB_USER")
    echo "CREATE USER $user@'%' IDENTIFIED BY $(quoted "$MARIADB_PASSWORD");"
    if [[ -n $database ]]; then echo "GRANT ALL ON \`${database//_/\\_}\`.* TO $user@'%';"; fi
  fi
}

if [[ ! -d $data/mysql ]]; then
  : "${MARIADB_ROOT_PASSWORD:?is missing}"
  stage=$data/.initialising
  if [[ ! -e $stage/finished ]]; then
    rm -rf "$stage"
    statements=$(umask 077 && mktemp)
    users_and_databases > "$statements"
    mariadb-install-db --datadir="$stage" --force --skip-test-db --auth-root-authentication-method=normal \
      --extra-file="$statements"
    rm "$statements"
    touch "$stage/finished"
  fi
  # The folder mysql comes last: without it an interrupted move goes on at the next start.
  for file in "$stage"/*; do
    [[ $file == */finished || $file == */mysql ]] || mv "$file" "$data/"
  done
  mv "$stage/mysql" "$data/"
fi
rm -rf "$data/.initialising"
unset MARIADB_ROOT_PASSWORD MARIADB_PASSWORD
exec "$@"
