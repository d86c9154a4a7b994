#!/bin/bash
# Starts PostgreSQL the way the official image does: same variables, same folders, same arguments.
# A first initialisation that is killed half-way is repaired at the next start: the new cluster is made in a folder of its own
# beside the place where it belongs, and only a finished one is moved there.
set -euo pipefail
export PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=${PGDATA:-/var/lib/postgresql/data}

[[ ${1:-} == -* || $# == 0 ]] && set -- postgres "$@"
[[ $1 == postgres ]] || exec "$@"

if [[ $(id -u) == 0 ]]; then
  mkdir -p "$PGDATA"
  chown -R 999:999 "$PGDATA" /var/run/postgresql
  exec setpriv --reuid=999 --regid=999 --clear-groups "$0" "$@"
fi

# from_file NAME: takes $NAME from the file that $NAME_FILE names.
from_file() {
  local file=${1}_FILE
  if [[ -n ${!file:-} ]]; then export "$1=$(< "${!file}")"; fi
}

initialise() {
  local stage=$1 file
  from_file POSTGRES_PASSWORD && from_file POSTGRES_USER && from_file POSTGRES_DB
  local user=${POSTGRES_USER:-postgres} auth=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  local database=${POSTGRES_DB:-$user}
  if [[ -z ${POSTGRES_PASSWORD:-} && $auth != trust ]]; then
    echo 'Set POSTGRES_PASSWORD to a non-empty value for the superuser.' >&2
    exit 1
  fi
  rm -rf "$stage"
  initdb -D "$stage" -E UTF8 --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 \
    --username="$user" ${POSTGRES_PASSWORD:+--pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD")}
  printf '\nhost all all all %s\n' "$auth" >> "$stage/pg_hba.conf"
  printf "\nlisten_addresses = '*'\n" >> "$stage/postgresql.conf"

  pg_ctl -D "$stage" -w -o "-c listen_addresses='' -c unix_socket_directories=/tmp" start
  local psql=(psql -v ON_ERROR_STOP=1 --no-psqlrc -h /tmp -U "$user")
  if [[ $database != postgres ]]; then
    "${psql[@]}" -d postgres --set=name="$database" <<< 'CREATE DATABASE :"name";'
  fi
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sql) "${psql[@]}" -d "$database" -f "$file" ;;
      *.sql.gz) gunzip -c "$file" | "${psql[@]}" -d "$database" ;;
      *.sh) PGHOST=/tmp PGUSER=$user PGDATABASE=$database bash "$file" ;;
    esac
  done
  pg_ctl -D "$stage" -m fast -w stop
  sync "$stage/pg_hba.conf" "$stage/postgresql.conf"
  touch "$stage/finished"
}

if [[ ! -s $PGDATA/PG_VERSION ]]; then
  stage=$PGDATA/.initialising
  mkdir -p "$PGDATA" && chmod 700 "$PGDATA" 2> /dev/null || true
  [[ -e $stage/finished ]] || initialise "$stage"
  # PG_VERSION comes last: without it an interrupted move goes on at the next start.
  for file in "$stage"/*; do
    [[ $file == */finished || $file == */PG_VERSION ]] || mv "$file" "$PGDATA/"
  done
  mv "$stage/PG_VERSION" "$PGDATA/"
fi
rm -rf "$PGDATA/.initialising"
unset POSTGRES_PASSWORD
exec "$@"
