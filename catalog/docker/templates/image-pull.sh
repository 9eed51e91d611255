#!/bin/sh
set -eu
# Without its socket (`sock: false`): systemd keeps that open, and a client would wait for an answer that never comes.
listens=/etc/systemd/system/docker.service.d/devops.conf
if [ -f $listens ] && ! grep -q -e '-H fd://' $listens; then
  echo 'Images are pulled through the socket of Docker, which is off on this node: set sock: true' >&2
  exit 1
fi
docker pull -- {{ options.name }}
