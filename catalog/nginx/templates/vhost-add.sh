#!/bin/sh
# The text between capture and endcapture is templates/vhost; a test says so.
set -eu
{%- assign vhost = options.id %}
{%- capture config %}
{%- assign domain = vhost.domain | default: '_' -%}
{%- assign id = vhost.id | default: domain -%}
{%- assign root = '/var/www/' | append: id -%}
{%- if vhost.webroot %}{% assign root = root | append: '/' | append: vhost.webroot %}{% endif -%}
{%- assign port = 80 -%}
{%- if vhost.ssl %}{% assign port = 443 %}{% endif -%}
{%- assign port = vhost.port | default: port -%}
{%- assign tls = '' -%}
{%- if vhost.ssl %}{% assign tls = ' ssl' %}{% endif -%}
{%- assign logs = nginx.http.access_log | default: '' | split: '/' | pop | join: '/' | default: '/var/log/nginx' -%}
{%- assign errors = nginx.http.error_log | default: '' | split: '/' | pop | join: '/' | default: '/var/log/nginx' -%}
{%- assign indexes = vhost.indexes | default: '' | append: ' index.html index.htm' | split: ' ' | uniq | join: ' ' -%}
# Managed by devo.ps: changes made here are undone.
{%- if vhost.upstreams %}{% for upstream in vhost.upstreams %}
upstream {{ upstream.name }} {
{%- for backend in upstream.backends %}
    server {{ backend }};
{%- endfor %}
}
{% endfor %}{% endif %}
server {
    listen {{ port }}{{ tls }};
    listen [::]:{{ port }}{{ tls }};
    server_name {{ domain }}{% if vhost.aliases %} {{ vhost.aliases }}{% endif %};
    root {{ root }};
    index {{ indexes }};

    access_log {% if nginx.http.access_log == 'off' %}off{% else %}{{ logs }}/{{ id }}-access.log{% endif %};
    error_log {{ errors }}/{{ id }}-error.log;
{%- if vhost.ssl %}

    ssl_certificate {{ vhost.ssl.certificate | default: '/etc/nginx/ssl/{domain}.pem' | replace: '{domain}', domain }};
    ssl_certificate_key {{ vhost.ssl.private_key | default: '/etc/nginx/ssl/{domain}.key' | replace: '{domain}', domain }};
{%- endif %}
{%- for route in vhost.routes %}

    location {{ route.uri }} {
{%- assign type = route.type | default: 'custom' %}
{%- if type == 'proxy' or type == 'websocket' %}
{%- assign to = route.to | default: '' %}
{%- unless to contains '://' %}{% assign to = 'http://' | append: to %}{% endunless %}
        proxy_pass {{ to }};
        proxy_http_version 1.1;
        # With its port, which $host would lose: the application makes its links from it.
        proxy_set_header Host $http_host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Port $server_port;
{%- if type == 'websocket' %}
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
{%- else %}
        proxy_set_header Connection "";
{%- endif %}
{%- elsif type == 'fastcgi' %}
        fastcgi_split_path_info ^(.+\.php)(/.+)$;
        fastcgi_index index.php;
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
        fastcgi_pass {{ route.to }};
{%- elsif type == 'uwsgi' %}
        include uwsgi_params;
        uwsgi_pass {{ route.to }};
{%- elsif type == 'static' %}
{%- if route.to %}
        {{ route.static | default: 'root' }} {{ route.to }};
{%- endif %}
        try_files $uri $uri/ {% if indexes contains 'index.php' %}/index.php$is_args$args{% else %}/index.html =404{% endif %};
{%- endif %}
{%- if route.custom %}
        {{ route.custom }}
{%- endif %}
    }
{%- endfor %}
}
{% endcapture %}
id={{ id }}
new=/etc/nginx/sites-available/$id
install -d -o devops -g devops -m 0755 -- "/var/www/$id"
old=$(mktemp)
trap 'rm -f -- "$old"' EXIT
[ ! -f "$new" ] || cp -- "$new" "$old"
(umask 077; : >>"$new")
chmod 0600 -- "$new"
printf '%s' {{ config }} >"$new"
ln -sfT -- "$new" "/etc/nginx/sites-enabled/$id"
rm -f /etc/nginx/sites-enabled/default
if ! nginx -t -q; then
  if [ -s "$old" ]; then cat -- "$old" >"$new"; else rm -f -- "$new" "/etc/nginx/sites-enabled/$id"; fi
  echo "nginx refuses site $id: nothing was changed" >&2
  exit 1
fi
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
echo "site $id is served"
