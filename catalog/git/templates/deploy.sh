#!/bin/sh
set -eu
branch={{ options.branch }}
source={{ options.source }}
export GIT_TERMINAL_PROMPT=0
export GIT_SSH_COMMAND='ssh -o StrictHostKeyChecking=accept-new -o BatchMode=yes'
cd -- {{ options.repo }}
[ -d "$source" ] || { echo "there is no folder $source here" >&2; exit 1; }
# What was built may be ignored on the branch of the sources; here it is what is published.
git add --all --force -- "$source"
git diff --cached --quiet || git commit --quiet --message "Publish $source"
commit=$(git subtree split -q --prefix "$source" HEAD)
git push --quiet --force origin "$commit:refs/heads/$branch"
echo "$source is published as $branch, $commit"
