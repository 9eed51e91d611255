#!/bin/sh
set -eu
name={{ options.name }}
supervisorctl stop "$name"
