as_user() { runuser -s /bin/sh -l -- "$1" -c "set -e
$2"; }

remove_user() {
  pkill -KILL -u "$1" || :
  userdel --remove -- "$1"
}

# git_checkout FOLDER REPO VERSION USER: cloned or fetched, and brought to the version. Changes by hand are not thrown away.
git_checkout() {
  if [ ! -d "$1" ]; then
    mkdir -p -- "$1"
    chown -- "$4:" "$1"
  fi
  as_user "$4" "cd -- $(quote_word "$1")
[ -d .git ] || git init -q
git remote set-url origin $(quote_word "$2") 2>/dev/null || git remote add origin $(quote_word "$2")
git fetch -q --tags --force origin '+refs/heads/*:refs/remotes/origin/*' || exit
git remote set-head origin --auto >/dev/null 2>&1 || :
version=$(quote_word "$3")
commit=\$(git rev-parse -q --verify \"refs/remotes/origin/\$version\" || git rev-parse -q --verify \"\$version^{commit}\" || {
  git fetch -q origin \"\$version\" && git rev-parse FETCH_HEAD
})
git checkout -q --detach \"\$commit\"
git log -1 --format='at %h %s'"
}

remove_checkout() {
  said=$(as_user "$2" "git -C $(quote_word "$1") status --porcelain --ignored")
  if [ -n "$said" ]; then
    printf '%s holds what is not in its repository, and stays:\n%s\n' "$1" "$said"
    exit 77
  fi
  rm -rf --one-file-system -- "$1"
}

quote_word() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }
