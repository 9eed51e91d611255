#!/bin/sh
# May run as often as it likes: what is there stays.
set -eu
export PGPASSWORD={{ db.configuration.postgresql.users.shop.password }}
psql -Xqw -v ON_ERROR_STOP=1 -h 127.0.0.1 -U shop -d shop <<'SQL'
SET client_min_messages = warning;
CREATE TABLE IF NOT EXISTS products (name text PRIMARY KEY, price numeric(8, 2) NOT NULL);
INSERT INTO products VALUES ('apples', 2.40), ('pears', 3.10) ON CONFLICT DO NOTHING;
SQL
echo 'the tables are there'
