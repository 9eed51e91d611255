#!/bin/sh
set -eu
/usr/local/sbin/devops-redis-take || { echo 'some of it needs `devops redis restart`' >&2; exit 1; }
echo 'Redis runs with what its files say'
