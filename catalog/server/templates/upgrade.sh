#!/bin/sh
# What a full sync did in 2014: safe, so nothing is removed, and what is held stays.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt() {
  apt-get -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}
apt update
apt --with-new-pkgs upgrade
if [ -e /run/reboot-required ]; then
  echo 'all packages are up to date; a restart is due:' $(sort -u /run/reboot-required.pkgs 2>/dev/null)
else
  echo 'all packages are up to date'
fi
