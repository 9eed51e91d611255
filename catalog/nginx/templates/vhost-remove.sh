#!/bin/sh
set -eu
id={{ options.id }}
[ -e "/etc/nginx/sites-available/$id" ] || echo "there is no site $id"
rm -f -- "/etc/nginx/sites-enabled/$id" "/etc/nginx/sites-available/$id"
{% if options.purge %}
rm -rf -- "/var/www/$id"
{% endif %}
nginx -t -q
systemctl reload-or-restart nginx
echo "site $id is gone"
