# Who holds a lock of apt or dpkg: they are POSIX locks, which /proc/locks names by inode.
lock_holder() {
  inodes=$(stat -c %i /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock 2>/dev/null)
  holder=$(inodes=$inodes awk 'BEGIN { n = split(ENVIRON["inodes"], list); for (i = 1; i <= n; i++) locked[list[i]] = 1 }
    { n = split($6, at, ":"); if ($2 == "POSIX" && at[n] in locked) { print $5; exit } }' /proc/locks)
  [ -z "$holder" ] || printf '%s (process %s)' "$(cat "/proc/$holder/comm" 2>/dev/null || echo another)" "$holder"
}

# apt waits by itself as well, but does not say for whom.
wait_for_apt() {
  waited=0
  while holder=$(lock_holder) && [ -n "$holder" ] && [ $waited -lt 900 ]; do
    [ $((waited % 30)) != 0 ] || echo "waiting for the lock of apt and dpkg: $holder has it"
    sleep 1
    waited=$((waited + 1))
  done
}

apt() {
  wait_for_apt
  apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef \
    -o Dpkg::Options::=--force-confold "$@"
}

# What an interrupted dpkg left half done is finished first; one that is at work is waited for.
repair_packages() {
  wait_for_apt
  tries=60
  while [ -n "$(dpkg --audit)" ] || [ -n "$(find /var/lib/dpkg/updates -type f)" ]; do
    said=$(dpkg --force-confdef --force-confold --configure -a 2>&1) && return 0
    tries=$((tries - 1))
    case $said in *lock*) [ $tries -gt 0 ] ;; *) false ;; esac || { printf '%s\n' "$said"; return 1; }
    sleep 2
  done
}

refresh_packages() {
  if apt update; then touch /run/devops/refreshed; else echo 'apt-get update failed: going on with the lists that are there'; fi
}

installed_packages() { dpkg-query -W -f '${Package} ${db:Status-Status}\n' | sed -n 's/ installed$//p' | sort -u; }

# Names with a version are always left to apt.
missing_packages() {
  for name; do
    case $name in *=*) echo "$name" && continue ;; esac
    [ "$(dpkg-query -W -f '${db:Status-Status}' -- "$name" 2>/dev/null)" = installed ] || echo "$name"
  done
}

install_packages() {
  [ -n "$(missing_packages "$@")" ] || return 0
  repair_packages
  [ -n "$(find /run/devops/refreshed -mmin -1440 2>/dev/null)" ] || refresh_packages
  installed_packages >/run/devops/before
  if ! apt install --no-install-recommends --allow-downgrades --allow-change-held-packages -- "$@"; then
    [ ! /run/devops/refreshed -nt /run/devops/began ] || return 1
    refresh_packages
    apt install --no-install-recommends --allow-downgrades --allow-change-held-packages -- "$@"
  fi
  installed_packages | comm -13 /run/devops/before - >>/var/lib/devops/brought
}

# remove_package NAME [keep]: with its configuration, and with those of its dependencies that came with it and that
# nothing else needs. With keep, configurations and data stay, and who left them is noted for a later removal.
remove_package() {
  repair_packages
  kept=/var/lib/devops/kept/$1
  how=purge also=
  if [ "${2-}" = keep ]; then how=remove; else also=$(cat -- "$kept" 2>/dev/null || :); fi
  apt $how --allow-change-held-packages -- "$1" $also
  # What some package of the node merely suggests (iproute2 suggests python3) is no reason to leave ours behind.
  apt-get -s -o APT::AutoRemove::SuggestsImportant=false -o APT::AutoRemove::RecommendsImportant=false autoremove |
    sed -n 's/^Remv \([^ :]*\).*/\1/p' | sort -u >/run/devops/unneeded
  rest=$(sort -u /var/lib/devops/brought 2>/dev/null | comm -12 - /run/devops/unneeded)
  [ -z "$rest" ] || apt $how -- $rest
  [ $how = remove ] || { rm -f -- "$kept"; return 0; }
  mkdir -p -m 0755 /var/lib/devops/kept
  printf '%s\n' $rest >>"$kept"
}

# add_key SOURCE FILE: an address, or a PPA's name; kept without armor, as apt wants a .gpg.
add_key() {
  raw=/run/devops/key
  case $1 in
  ppa:*)
    ppa=${1#ppa:}
    owner=${ppa%%/*}
    print=$(curl -fsSL "https://api.launchpad.net/1.0/~$owner/+archive/ubuntu/${ppa#*/}" |
      sed -n 's/.*"signing_key_fingerprint": *"\([0-9A-F]*\)".*/\1/p')
    curl -fsSL -o "$raw" "https://keyserver.ubuntu.com/pks/lookup?op=get&options=mr&search=0x$print"
    ;;
  *) curl -fsSL -o "$raw" -- "$1" ;;
  esac || { echo "the key of the repository cannot be fetched: $1"; return 1; }
  mkdir -p -m 0755 /etc/apt/keyrings
  if grep -q 'BEGIN PGP' "$raw"; then
    tr -d '\r' <"$raw" | sed -n '/^-----BEGIN/,/^-----END/p' | sed '1,/^$/d; /^=/d; /^-----/d' | base64 -d >"$2.new"
  else
    cat "$raw" >"$2.new"
  fi
  [ -s "$2.new" ] || { echo "there is no key at $1"; return 1; }
  mv -fT -- "$2.new" "$2"
}

# pip refuses to write beside the distribution's own packages unless it is told to.
pip_may() { ! pip3 install --help | grep -q -e --break-system-packages || printf %s --break-system-packages; }
