#!/bin/sh
set -eu
# Its own unit is down before those of the clusters are, so each is waited for.
systemctl stop postgresql.service $(systemctl show -P ConsistsOf postgresql.service)
echo 'PostgreSQL is stopped'
