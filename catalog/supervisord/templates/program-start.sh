#!/bin/sh
set -eu
name={{ options.name }}
# One that runs already is no failure; one that is not known, or does not stay up, is.
said=$(supervisorctl start "$name") || :
echo "$said"
supervisorctl status "$name" >/dev/null
