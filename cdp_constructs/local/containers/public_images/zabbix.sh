#!/bin/sh
# Serves Zabbix as its public image does: waits for the database, makes it and its tables when they are missing.
set -eu
umask 077
case "${1:-}" in
"" | -*) ;;
*zabbix_server) shift ;;
*) exec "$@" ;;
esac
case "${DB_SERVER_HOST:-postgres-server}" in
localhost | 127.0.0.1) PGHOST=$CDP_TASK_ADDRESS ;;
# Python knows the names of Cloud Map here, which a program in C does not.
*) PGHOST=$(python -c 'import socket, sys; print(socket.gethostbyname(sys.argv[1]))' "${DB_SERVER_HOST:-postgres-server}") ;;
esac
export PATH="$CDP_POSTGRES/bin:$PATH" PGHOST PGPORT="${DB_SERVER_PORT:-5432}"
export PGUSER="${POSTGRES_USER:-zabbix}" PGPASSWORD="${POSTGRES_PASSWORD:-zabbix}" PGCONNECT_TIMEOUT=5
name=${POSTGRES_DB:-zabbix}

until problem=$(psql -d postgres -qtAc 'SELECT 1' 2>&1 >/dev/null); do
    echo "**** PostgreSQL server is not available: $problem" >&2
    sleep 1
done
if [ -z "$(psql -d postgres -qtA -v name="$name" <<'SQL'
SELECT 1 FROM pg_database WHERE datname = :'name'
SQL
)" ]; then
    createdb -T template0 -E UTF8 "$name"
fi
export PGDATABASE="$name"
if [ -z "$(psql -qtAc "SELECT to_regclass('dbversion')")" ]; then
    echo "** Creating '$name' schema in PostgreSQL"
    # In one transaction: a container that is stopped meanwhile leaves nothing half made. The files have two of their own.
    # Rows in requests of 500, since there are 130,000.
    {
        gzip -dc "$CDP_ZABBIX_FILES/schema.sql.gz"
        gzip -dc "$CDP_ZABBIX_FILES/images.sql.gz" "$CDP_ZABBIX_FILES/data.sql.gz" |
            grep -vxE 'START TRANSACTION;|COMMIT;' | awk '
                /^INSERT INTO / && previous ~ /\);$/ && ++rows % 500 { sub(/;$/, "\\;", previous) }
                NR > 1 { print previous }
                { previous = $0 }
                END { print previous }'
    } | PGOPTIONS='-c synchronous_commit=off' psql -q -1 -v ON_ERROR_STOP=1 >/dev/null
fi

{
    printf '%s\n' "DBHost=$PGHOST" "DBPort=$PGPORT" "DBName=$name" "DBUser=$PGUSER" "DBPassword=$PGPASSWORD" \
        "ListenIP=$CDP_TASK_ADDRESS" "LogType=console" "PidFile=$HOME/zabbix_server.pid" "SocketDir=$HOME" \
        "AllowUnsupportedDBVersions=1"
    # ZBX_STARTPOLLERS is StartPollers: every parameter that the package's own file names, and that is not set above.
    sed -nE 's/^#? ?([A-Z][A-Za-z]+)=.*/\1/p' "$CDP_ZABBIX_FILES/zabbix_server.conf" | sort -u |
        grep -vxE 'DB(Host|Port|Name|User|Password|Socket)|ListenIP|Log(Type|File)|PidFile|SocketDir|AllowUnsupportedDBVersions' |
        while read -r parameter; do
            variable="ZBX_$(echo "$parameter" | tr '[:lower:]' '[:upper:]')"
            eval "value=\${$variable:-}"
            if [ -n "$value" ]; then printf '%s=%s\n' "$parameter" "$value"; fi
        done
} >"$HOME/zabbix_server.conf"
exec "$CDP_ZABBIX" --foreground --config "$HOME/zabbix_server.conf" "$@"
