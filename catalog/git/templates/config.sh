#!/bin/sh
set -eu
{% if options.path %}
cd -- {{ options.path }}
where=--local
{% else %}
where=--global
{% endif %}
git config "$where" user.name {{ options.user }}
git config "$where" user.email {{ options.email }}
git config "$where" push.default simple
