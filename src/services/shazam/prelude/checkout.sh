# git_checkout FOLDER REPO VERSION USER [LOGIN HOST]: cloned or fetched, and brought to the version. Nothing that somebody has done
# by hand is thrown away: git keeps files that differ, and a commit that only HEAD holds is no place to leave.
# The login is kept beside the configuration, for the user alone: git starts programs with the address among their
# arguments, which every local user reads. Tags of the remote are mirrored in refs/devops/tags, for a tag of that name may be somebody's own.
git_checkout() {
  command -v git >/dev/null || { echo 'git is not installed: add `package: git`'; return 1; }
  if [ ! -d "$1" ]; then
    make_folder "$1" "$4:" 755
    mkdir -p -m 0755 /var/lib/devops/folders
    : >"/var/lib/devops/folders/$(digest_of "checkout $1")"
  fi
  as_user "$4" "repo=$(quote_word "$2") version=$(quote_word "$3") login=$(quote_word "${5-}") host=$(quote_word "${6-}")
kept=$(quote_word "$1/.git/devops-credential")
helper=$(quote_word "!f() { test \"\$1\" != get || cat -- $(quote_word "$1/.git/devops-credential"); }; f")
cd -- $(quote_word "$1")
$checkout_lines"
}

checkout_lines='[ -d .git ] || git init -q
if git rev-parse -q --verify HEAD >/dev/null &&
  [ -n "$(git rev-list -n 1 HEAD --not --branches --tags --remotes --glob=refs/devops)" ]; then
  echo "HEAD of $PWD has a commit that no branch or tag holds, and it would be lost: make a branch of it"
  exit 1
fi
git config --get-regexp --name-only "^credential[.].*[.]helper$" | while read -r key; do
  case $(git config "$key") in *devops-credential*) git config --unset-all "$key" ;; esac
done
rm -f -- "$kept"
if [ -n "$login" ]; then
  (umask 077 && printf "%s\n" "$login" >"$kept") || exit
  git config "credential.$host.helper" "$helper"
fi
git config remote.origin.url >/dev/null && git remote set-url origin "$repo" || git remote add origin "$repo"
git fetch -q --prune --no-tags --force origin "+refs/heads/*:refs/remotes/origin/*" "+refs/tags/*:refs/devops/tags/*" || exit
git fetch -q --no-tags . "refs/devops/tags/*:refs/tags/*" 2>/dev/null || :
git remote set-head origin --auto >/dev/null 2>&1 || :
first() { for ref; do git rev-parse -q --verify "$ref^{commit}" && return; done; return 1; }
commit=$(case $version in
HEAD) first refs/remotes/origin/HEAD ;;
refs/heads/*) first "refs/remotes/origin/${version#refs/heads/}" ;;
refs/tags/*) first "refs/devops/tags/${version#refs/tags/}" ;;
refs/*) git fetch -q origin "+$version:refs/devops/version" && first refs/devops/version ;;
*) first "refs/remotes/origin/$version" "refs/devops/tags/$version" ;;
esac) || commit=$(case $version in
*[!0-9a-f]* | ? | ?? | ??? | ????) false ;;
*) first "$version" || { git fetch -q origin "$version" 2>/dev/null && first FETCH_HEAD; } ;;
esac) || {
  branches=$(git for-each-ref --count=10 --format="%(refname:lstrip=3)" refs/remotes/origin | grep -vx HEAD | paste -sd" ")
  echo "$repo has no branch, tag or commit $version. Its branches are: ${branches:-none}"
  exit 1
}
git checkout -q --detach "$commit"
git update-ref refs/devops/at "$commit"
git log -1 --format="at %h %s"'

# remove_checkout FOLDER USER: only what is at the remote, and the remote itself is asked.
remove_checkout() {
  said=$(as_user "$2" "cd -- $(quote_word "$1")
$held_lines" 2>/run/devops/said) || said="git cannot say what it holds: $(cat /run/devops/said)"
  note=/var/lib/devops/folders/$(digest_of "checkout $1")
  if [ -n "$said" ]; then
    # It is theirs now, with the folders that we made for it.
    rm -f -- "$note" "/var/lib/devops/folders/$(digest_of "$1")"
    printf '%s stays, for it holds what is not at its remote:\n%s\n' "$1" "$said"
    exit 77
  fi
  find "$1" -xdev -mindepth 1 -delete
  if [ -e "$note" ]; then
    rm -f -- "$note"
    remove_folder "$1"
  fi
}

# What would be lost, a line each.
held_lines='git status --porcelain --ignored --untracked-files=all
git ls-files -v | sed -n "s/^[a-zS] /hidden from git status: /p"
git stash list
git worktree list --porcelain | sed -n "s/^worktree /another working tree: /p" | tail -n +2
if ! git fetch -q --prune --no-tags origin "+refs/heads/*:refs/devops/heads/*" "+refs/tags/*:refs/devops/tags/*" 2>/dev/null; then
  echo "all of it: the remote does not answer"
  exit
fi
missing() { git rev-list --objects "$@" --not --glob=refs/devops/heads --glob=refs/devops/tags | head -n 1; }
[ -n "$(missing --exclude="refs/remotes/*" --exclude="refs/devops/*" --all)" ] || exit 0
git for-each-ref --format="%(refname)" | grep -v "^refs/remotes/\|^refs/devops/" | while read -r ref; do
  [ -z "$(missing "$ref")" ] || printf "%s: %s\n" "$ref" "$(git log -1 --format="%h %s" "$ref" -- 2>/dev/null)"
done
[ -z "$(missing HEAD)" ] || git log -1 --format="HEAD: %h %s"'
