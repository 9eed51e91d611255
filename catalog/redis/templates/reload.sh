#!/bin/sh
set -eu
code=0
/usr/local/sbin/devops-redis-take || code=$?
[ $code != 1 ] || echo 'some of it needs `devops redis restart`' >&2
[ $code = 0 ] || exit 1
echo 'Redis runs with what its files say'
