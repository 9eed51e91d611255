#!/bin/sh
set -eu
name={{ options.name }}
supervisorctl status "$name" >/dev/null || [ $? = 3 ]
supervisorctl restart "$name"
supervisorctl status "$name" >/dev/null
