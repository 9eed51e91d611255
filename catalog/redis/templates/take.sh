#!/bin/sh
# Managed by devo.ps: changes made here are undone.
# Gives the running Redis what its files say. Ends with 1 when something there needs a restart, with 2 when it cannot be.
conf=/etc/redis/redis.conf
data=/usr/local/sbin/devops-redis-data
$data fits || exit 2
$data follow || exit 2
REDISCLI_AUTH=$(sed -n 's/^requirepass "\(.*\)"$/\1/p' $conf /etc/redis/local.conf | tail -n 1)
export REDISCLI_AUTH
[ -n "$REDISCLI_AUTH" ] || unset REDISCLI_AUTH
ask() { redis-cli -s /run/redis/redis-server.sock "$@" </dev/null 2>/dev/null; }
# By its input: the arguments of a program are there for every user to read.
set_to() { printf %s "$2" | redis-cli -s /run/redis/redis-server.sock -x config set "$1" 2>/dev/null; }
[ "$(ask ping)" = PONG ] || exit 1

master=$(sed -n 's/^replicaof //p' $conf /etc/redis/local.conf | tail -n 1)
ask replicaof ${master:-no one} >/dev/null
saves=$(sed -n 's/^save "\{0,1\}\([0-9 ]*\)"\{0,1\}$/\1/p' $conf /etc/redis/local.conf | tr '\n' ' ')
ask config set save "${saves% }" >/dev/null

# A comment is a line: within one, # is a letter, of a password for one.
grep -hEv '^ *(#|(include|replicaof|save|daemonize|supervised|unixsocketperm) )' $conf /etc/redis/local.conf | {
  code=0
  while read -r key value; do
    [ -n "$key" ] || continue
    value=${value#\"} value=${value%\"}
    # Where data are is read at a start alone: to be told while it runs, it would write over what is there.
    case $key in dir | dbfilename | appendonly | appendfilename | appenddirname) ;; *)
      [ "$(set_to "$key" "$value")" != OK ] || continue ;;
    esac
    [ "$(ask config get "$key" | sed -n 2p)" = "$value" ] || { echo "$key changes at a restart"; code=1; }
  done
  exit $code
} || exit 1
$data taken
