#!/bin/sh
set -eu
name={{ options.name }}
unit=app-$name.service
[ -f "/etc/systemd/system/$unit" ] || echo "there is no app $name"
systemctl disable --quiet --now -- "$unit" 2>/dev/null || :
rm -f -- "/etc/systemd/system/$unit" "/etc/nodejs-apps/$name.env"
systemctl daemon-reload
echo "app $name is gone"
