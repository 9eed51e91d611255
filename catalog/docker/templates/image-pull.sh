#!/bin/sh
set -eu
docker pull -- {{ options.name }}
