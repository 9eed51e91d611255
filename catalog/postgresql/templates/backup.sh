#!/bin/sh
set -eu
pattern={{ options.path }}
folder=$(date "+$pattern")/postgresql
umask 077
mkdir -p -- "$folder"
eval "$(devops-postgresql place)"
as() { runuser -u postgres -- env PGHOST="$socket" PGPORT="$port" "$@"; }
set --{% if options.name %}{% for name in options.name %} {{ name }}{% endfor %}{% endif %}
[ $# -gt 0 ] || set -- $(as psql -XAtc 'SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate')
for name; do
  as pg_dump --format=custom --dbname="$name" >"$folder/$name.dump.new"
  mv -- "$folder/$name.dump.new" "$folder/$name.dump"
  echo "$folder/$name.dump, $(stat -c %s "$folder/$name.dump") bytes"
done
as pg_dumpall --roles-only >"$folder/roles.sql.new"
mv -- "$folder/roles.sql.new" "$folder/roles.sql"
