#!/bin/sh
# The text between capture and endcapture is templates/program.conf; a test says so.
set -eu
{%- assign program = options %}
{%- capture config %}
; Managed by devo.ps: changes made here are undone.
[program:{{ program.name }}]
command={{ program.command }}
user={{ program.user }}
autostart={{ program.autostart }}
{%- if program.env %}
environment={{ program.env }}
{%- endif %}
{%- if program.log.stdout %}
stdout_logfile={{ program.log.stdout }}
{%- endif %}
{%- if program.log.stderr %}
stderr_logfile={{ program.log.stderr }}
{%- endif %}
{%- if program.extra %}
{{ program.extra }}
{%- endif %}
{% endcapture %}
name={{ program.name }}
file=/etc/supervisor/conf.d/$name.conf
new=$(mktemp)
trap 'rm -f -- "$new"' EXIT
printf '%s' {{ config }} >"$new"
printf '[supervisord]\n[include]\nfiles = %s\n' "$new" | python3 -c 'import sys
from supervisor.options import ServerOptions
ServerOptions().realize(["-c", sys.argv[1]])' /dev/stdin || {
  echo "supervisord refuses program $name: nothing was changed" >&2
  exit 1
}
install -m 0600 -- "$new" "$file"
supervisorctl update "$name"
# A program that ends at once is tried a few times before supervisord gives it up.
while supervisorctl status "$name" | grep -Eq ' (STARTING|BACKOFF) '; do sleep 0.3; done
if supervisorctl status "$name" | grep -Eq ' (FATAL|EXITED) '; then
  supervisorctl tail "$name" stderr >&2
  echo "program $name does not stay up" >&2
  exit 1
fi
supervisorctl status "$name" || [ $? = 3 ]
