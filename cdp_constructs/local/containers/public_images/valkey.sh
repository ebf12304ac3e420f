#!/bin/sh
# Serves Valkey as its public image and that of Redis do.
set -eu
case "${0##*/}" in
*-server) set -- valkey-server "$@" ;;
esac
case "${1:-}" in
"" | -* | *.conf) ;;
valkey-server | redis-server) shift ;;
*) exec "$@" ;;
esac
exec "$CDP_VALKEY" "$@" --bind "$CDP_TASK_ADDRESS" --protected-mode no --dir "$HOME"
