#!/bin/sh
set -eu
name={{ options.name }}
[ -e "/etc/supervisor/conf.d/$name.conf" ] || echo "there is no program $name"
rm -f -- "/etc/supervisor/conf.d/$name.conf"
supervisorctl reread >/dev/null
supervisorctl update "$name" || :
echo "program $name is gone"
