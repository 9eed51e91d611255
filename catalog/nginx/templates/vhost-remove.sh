#!/bin/sh
set -eu
id={{ options.id }}
[ -e "/etc/nginx/sites-available/$id" ] || echo "there is no site $id"
rm -f -- "/etc/nginx/sites-enabled/$id" "/etc/nginx/sites-available/$id"
{% if options.purge %}
rm -rf -- "/var/www/$id"
{% endif %}
nginx -t -q
workers() { pgrep -f '^nginx: worker process *$' || true; }
old_workers=$(workers)
systemctl reload-or-restart nginx
# nginx answers a reload before it is done: until then workers of before take connections.
for worker in $old_workers; do
  for _ in $(seq 50); do
    workers | grep -qx "$worker" || break
    sleep 0.1
  done
done
echo "site $id is gone"
