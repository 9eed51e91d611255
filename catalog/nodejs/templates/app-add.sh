#!/bin/sh
# The text between capture and endcapture is templates/app.service; a test says so.
set -eu
{%- assign app = options %}
{%- capture config %}
# Managed by devo.ps: changes made here are undone.
[Unit]
Description=Node.js app {{ app.name }}
Wants=network-online.target
After=network-online.target
PartOf=nodejs-apps.target
# Its code may come later than its unit: it is tried until it is there.
StartLimitIntervalSec=0

[Service]
User={{ app.user }}
WorkingDirectory={{ app.root }}
Environment=NODE_ENV={{ app.node_env }}
{%- if app.extra_env %}
# Not Environment=, which every local user can ask for.
EnvironmentFile=/etc/nodejs-apps/{{ app.name }}.env
{%- endif %}
ExecStart=node {{ app.script }}
Restart=always
RestartSec=2

[Install]
WantedBy=nodejs-apps.target
{% endcapture %}
{%- capture environment %}
# Managed by devo.ps: changes made here are undone.
{{ app.extra_env | environment_file -}}
{% endcapture %}
name={{ app.name }}
unit=app-$name.service
file=/etc/systemd/system/$unit
[ -f /etc/systemd/system/nodejs-apps.target ] || { echo 'service nodejs is not on this node' >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
umask 077
printf '%s' {{ config }} >"$folder/$unit"
if systemd-analyze verify --man=no "$folder/$unit" 2>&1 | grep -F "$folder/$unit:" >&2; then
  echo "systemd refuses app $name: nothing was changed" >&2
  exit 1
fi
{%- if app.extra_env %}
printf '%s' {{ environment }} >"$folder/env"
install -d -m 0700 /etc/nodejs-apps
install -m 0600 -- "$folder/env" "/etc/nodejs-apps/$name.env"
{%- else %}
rm -f -- "/etc/nodejs-apps/$name.env"
{%- endif %}
install -m 0600 -- "$folder/$unit" "$file"
systemctl daemon-reload
systemctl enable --quiet -- "$unit"
systemctl restart -- "$unit"
echo "app $name runs as unit $unit"
