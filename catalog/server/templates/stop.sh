#!/bin/sh
systemd-run --quiet --on-active=3 systemctl poweroff
echo 'the server goes off in 3 seconds'
