#!/bin/sh
# A template first, a script then: every value arrives as one word of the shell, whatever is in it.
set -eu
{
  echo {{ web.vars.greeting }}
  echo node {{ web.name }} at {{ web.ip }}, nginx with {{ web.configuration.nginx.worker_processes }} workers
} | sudo tee /var/www/hello/index.html
