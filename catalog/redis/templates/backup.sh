#!/bin/sh
set -eu
pattern={{ options.path }}
folder=$(date "+$pattern")/redis
umask 077
mkdir -p -- "$folder"
REDISCLI_AUTH=$(sed -n 's/^requirepass "\(.*\)"$/\1/p' /etc/redis/redis.conf)
export REDISCLI_AUTH
[ -n "$REDISCLI_AUTH" ] || unset REDISCLI_AUTH
redis-cli -s /run/redis/redis-server.sock --rdb "$folder/dump.rdb.new" >/dev/null
redis-check-rdb "$folder/dump.rdb.new" >/dev/null
mv -- "$folder/dump.rdb.new" "$folder/dump.rdb"
echo "$folder/dump.rdb, $(stat -c %s "$folder/dump.rdb") bytes"
