#!/bin/sh
set -eu
repo={{ options.repo }}
dest={{ options.dest }}
version={{ options.version | default: 'HEAD' }}

# A host is trusted at the first contact and checked ever after; its key is never replaced.
export GIT_TERMINAL_PROMPT=0
export GIT_SSH_COMMAND='ssh -o StrictHostKeyChecking=accept-new -o BatchMode=yes'

if [ ! -d "$dest/.git" ]; then
  sudo -n install -d -o devops -g devops -m 0755 -- "$dest"
  git clone --quiet -- "$repo" "$dest"
  cd -- "$dest"
else
  cd -- "$dest"
  git remote set-url origin "$repo"
  git fetch --quiet --prune --tags --force origin
fi

before=$(git rev-parse HEAD 2>/dev/null || echo none)
if [ "$version" = HEAD ]; then
  git remote set-head origin --auto >/dev/null
  target=origin/HEAD
elif git rev-parse --verify --quiet "refs/remotes/origin/$version" >/dev/null; then
  target=origin/$version
else
  target=$version
fi
git checkout --quiet --force --detach "$target"
after=$(git rev-parse HEAD)
if [ "$before" = "$after" ]; then
  echo "$dest is at $after"
else
  echo "$dest went from $before to $after"
fi
