#!/bin/sh
# Serves PostgreSQL as its public image does, without scripts of /docker-entrypoint-initdb.d.
set -eu
umask 077
case "${1:-}" in
"" | -*) ;;
postgres) shift ;;
*) exec "$@" ;;
esac
PATH="$CDP_POSTGRES/bin:$PATH"
user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
if ! mkdir -p "$PGDATA" 2>/dev/null || [ ! -w "$PGDATA" ]; then
    PGDATA="$HOME/data" # no volume is mounted
fi
export PGDATA
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
        echo "Error: Database is uninitialized and superuser password is not specified: set POSTGRES_PASSWORD" >&2
        exit 1
    fi
    printf '%s\n' "${POSTGRES_PASSWORD:-none}" >"$HOME/password"
    initdb --no-sync --username="$user" --pwfile="$HOME/password" --auth-local=trust --auth-host="$method" \
        --encoding=UTF8 --locale=C.UTF-8 >/dev/null
    rm -f "$HOME/password"
    printf 'host all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
    if [ "$database" != postgres ]; then
        printf 'CREATE DATABASE "%s"\n' "$database" | postgres --single -D "$PGDATA" postgres >/dev/null
    fi
fi
exec postgres -D "$PGDATA" -c listen_addresses="$CDP_TASK_ADDRESS" -c unix_socket_directories="$HOME" \
    -c shared_buffers=16MB -c dynamic_shared_memory_type=mmap "$@"
