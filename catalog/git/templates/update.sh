#!/bin/sh
set -eu
repo={{ options.repo }}
dest={{ options.dest }}
version={{ options.version | default: 'HEAD' }}

# A host is trusted at the first contact and checked ever after; its key is never replaced.
export GIT_TERMINAL_PROMPT=0
export GIT_SSH_COMMAND='ssh -o StrictHostKeyChecking=accept-new -o BatchMode=yes'

# A login in the address goes into a file that devops alone reads: every user of the server can read the arguments of git
# and the address in the clone's configuration.
scheme=${repo%%://*}
login=
case $scheme in
http | https)
  rest=${repo#*://}
  server=${rest%%/*}
  case $server in
  *@*)
    login=${server%@*}
    case $login in *:*) ;; *) login=$login: ;; esac
    repo=$scheme://${rest#"${server%@*}"@}
    ;;
  esac
  ;;
esac
quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }
keep_login() (
  umask 077
  [ -z "$login" ] || printf '%s://%s@%s\n' "$scheme" "$login" "${server##*@}" >"$1"
)

if [ ! -d "$dest/.git" ]; then
  sudo -n install -d -o devops -g devops -m 0755 -- "$dest"
  first=$(mktemp)
  trap 'rm -f -- "$first"' EXIT
  keep_login "$first"
  git -c credential.helper= -c credential.helper="store --file=$(quoted "$first")" clone --quiet -- "$repo" "$dest"
fi
cd -- "$dest"
kept=$PWD/.git/devops-login
rm -f -- "$kept"
keep_login "$kept"
git config --unset-all credential.helper '^$|devops-login' || :
if [ -n "$login" ]; then
  git config --add credential.helper ''
  git config --add credential.helper "store --file=$(quoted "$kept")"
fi
if [ -z "${first-}" ]; then
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
