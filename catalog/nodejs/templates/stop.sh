#!/bin/sh
set -eu
# The target is down before its apps are, so each is waited for.
systemctl stop nodejs-apps.target $(systemctl show -P ConsistsOf nodejs-apps.target)
echo 'all apps are stopped'
