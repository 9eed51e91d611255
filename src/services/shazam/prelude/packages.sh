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

# What an interrupted dpkg left half done is finished first; one that is at work is waited for. What somebody installed
# without all that it needs gets that, or leaves: else no package could be installed or removed any more.
repair_packages() {
  wait_for_apt
  [ ! /run/devops/hopeless -nt /run/devops/began ] || [ "$(dpkg --audit)" != "$(cat /run/devops/hopeless)" ] || return 0
  tries=60
  while [ -n "$(dpkg --audit)" ] || [ -n "$(find /var/lib/dpkg/updates -type f)" ]; do
    said=$(dpkg --force-confdef --force-confold --configure -a 2>&1) && return 0
    tries=$((tries - 1))
    case $said in *lock*) [ $tries -gt 0 ] ;; *) false ;; esac || { complete_packages "$said"; return; }
    sleep 2
  done
}

# complete_packages REASON: never fails: what is asked for is judged by itself.
complete_packages() {
  printf '%s\n' "$1" | grep -v '^$' | tail -n 12
  broken_packages >/run/devops/broken
  echo "packages are not whole: $(tr '\n' ' ' </run/devops/broken)"
  [ -n "$(find /run/devops/refreshed -mmin -1440 2>/dev/null)" ] || refresh_packages
  installed_packages >/run/devops/before
  apt --fix-broken install --no-install-recommends || :
  installed_packages | comm -13 /run/devops/before - | comm -23 - /run/devops/broken >>/var/lib/devops/brought
  for each in $(broken_packages | comm -12 - /run/devops/broken); do
    echo "$each cannot be made whole, and is taken back"
    dpkg --force-remove-reinstreq --remove -- "$each" || :
  done
  dpkg --audit >/run/devops/hopeless
}

# Not those whose own script fails: apt tries them again, and others do without them.
broken_packages() {
  dpkg-query -W -f '${db:Status-Status} ${binary:Package}\n' | sed -n 's/^\(unpacked\|half-installed\) //p' | plain_names
}

# As apt names them: without the architecture where it is the node's own.
plain_names() { sed "s/:$(dpkg --print-architecture)\$//; s/:all\$//" | sort -u; }

refresh_packages() {
  if apt update; then touch /run/devops/refreshed; else echo 'apt-get update failed: going on with the lists that are there'; fi
}

installed_packages() { dpkg-query -W -f '${db:Status-Status} ${binary:Package}\n' | sed -n 's/^installed //p' | plain_names; }

# Names with a version are always left to apt.
missing_packages() {
  for name; do
    case $name in *=*) echo "$name" && continue ;; esac
    [ "$(dpkg-query -W -f '${db:Status-Status}' -- "$name" 2>/dev/null)" = installed ] || provided "$name" || echo "$name"
  done
}

# provided NAME: there is no package of that name, and something stands in for it.
provided() {
  dpkg-query -W -f '${db:Status-Status}, ${Provides},\n' | sed -n 's/ (= [^)]*)//g; /^installed,/p' | grep -qF -e " $1," || return
  ! apt-cache policy -- "$1" | grep 'Candidate:' | grep -qvF '(none)'
}

# What came as a dependency a moment ago is wanted for itself.
want_packages() {
  autos=$(awk '/^Package: / { name = $2 } /^Architecture: / { at = $2 } /^Auto-Installed: 1/ { print name ":" at }' /var/lib/apt/extended_states 2>/dev/null | plain_names)
  for name; do
    name=${name%%=*}
    case "
$autos
" in *"
$name
"*) apt-mark -q manual -- "$name" ;; esac
  done
}

install_packages() {
  [ -n "$(missing_packages "$@")" ] || { want_packages "$@"; return 0; }
  repair_packages
  [ -n "$(find /run/devops/refreshed -mmin -1440 2>/dev/null)" ] || refresh_packages
  installed_packages >/run/devops/before
  if ! apt_install "$@" && ! done_anyway "$@"; then
    [ ! /run/devops/refreshed -nt /run/devops/began ] || { note_brought; return 1; }
    refresh_packages
    apt_install "$@" || done_anyway "$@" || { note_brought; return 1; }
  fi
  note_brought
  want_packages "$@"
}
apt_install() { apt install --no-install-recommends --allow-downgrades --allow-change-held-packages -- "$@"; }
note_brought() { installed_packages | comm -13 /run/devops/before - >>/var/lib/devops/brought; }

# The script of another package may fail in the same run: what was asked for is judged by itself.
done_anyway() {
  case " $* " in *=*) return 1 ;; esac
  [ -z "$(missing_packages "$@")" ]
}

# would WHAT…: what an apt-get would do, also with what a package that leaves protects.
would() {
  echo '#clear APT::NeverAutoRemove;' >/run/devops/clear
  apt-get -s -q -c /run/devops/clear -o APT::AutoRemove::SuggestsImportant=false -o APT::AutoRemove::RecommendsImportant=false \
    --allow-change-held-packages "$@" || :
}
# removed_in: of the answer of a `would` that comes in, what it would remove.
removed_in() { sed -n 's/^Remv \([^ ]*\).*/\1/p' | plain_names; }

# The script of another package may fail in the same run.
taken_away() {
  for each; do
    case $(dpkg-query -W -f '${db:Status-Status}' -- "$each" 2>/dev/null) in '' | not-installed | config-files) ;; *) return 1 ;; esac
  done
}

# remove_package NAME purge|keep LEAVE ALONG: with its configuration, and with those of its dependencies that came with
# it and that nothing else needs. Only what the plan has named leaves: LEAVE has a turn of its own, ALONG has none. With
# keep, configurations and data stay, and who left them is noted for a later removal.
remove_package() {
  name=$1 leave=" $1 ${3-} " along=" ${4-} "
  repair_packages
  kept=/var/lib/devops/kept/$name
  also=
  if [ "$2" = purge ]; then also=$(cat -- "$kept" 2>/dev/null || :); fi
  said=$(would remove -- "$name")
  # By itself it would be replaced by another, for what leaves after it.
  case "
$said" in *"
Inst "*)
    apt remove --allow-change-held-packages -- $leave || taken_away $leave
    said=
    ;;
  esac
  with=$(printf '%s\n' "$said" | removed_in) alone=yes
  for each in $with; do
    case "$leave$along" in *" $each "*) ;; *) echo "$each would leave with $name, and must stay"; return 1 ;; esac
    [ "$each" = "$name" ] || alone=
    case $along in *" $each "*) also="$also $each" ;; esac
  done
  # What leaves with it has its own word on its data.
  [ "$2$alone" = purgeyes ] || [ -z "$with" ] || apt remove --allow-change-held-packages -- "$name" || taken_away "$name"
  [ "$2" = keep ] || apt purge --allow-change-held-packages -- "$name" $also || taken_away "$name" $also
  how=purge
  [ "$2" = purge ] || how=remove
  # What some package of the node merely suggests (iproute2 suggests python3) is no reason to leave ours behind.
  [ -z "${4-}" ] || would autoremove | removed_in >/run/devops/unneeded
  [ -n "${4-}" ] || : >/run/devops/unneeded
  rest=$(printf '%s\n' ${4-} | sort -u | comm -12 - /run/devops/unneeded)
  [ -z "$rest" ] || apt $how -- $rest || taken_away $rest
  # One that somebody installs later is theirs.
  installed_packages >/run/devops/installed
  sort -u /var/lib/devops/brought 2>/dev/null | comm -12 - /run/devops/installed >/run/devops/brought
  cat /run/devops/brought >/var/lib/devops/brought
  [ $how = remove ] || { rm -f -- "$kept"; return 0; }
  mkdir -p -m 0755 /var/lib/devops/kept
  printf '%s\n' $rest >>"$kept"
}

# fetch_at ADDRESS OPTIONS: the address may hold a login, and every local user sees the arguments of a process.
fetch_at() {
  at=$(printf %s "$1" | sed 's/[\\"]/\\&/g')
  shift
  printf 'url = "%s"\n' "$at" | curl -fsSL -K - "$@"
}

# add_key SOURCE FILE: an address, or a PPA's name; kept without armor, as apt wants a .gpg.
add_key() {
  command -v curl >/dev/null || install_packages curl ca-certificates
  raw=/run/devops/key
  case $1 in
  ppa:*)
    ppa=${1#ppa:}
    owner=${ppa%%/*}
    print=$(curl -fsSL "https://api.launchpad.net/1.0/~$owner/+archive/ubuntu/${ppa#*/}" |
      sed -n 's/.*"signing_key_fingerprint": *"\([0-9A-F]*\)".*/\1/p')
    curl -fsSL -o "$raw" "https://keyserver.ubuntu.com/pks/lookup?op=get&options=mr&search=0x$print"
    ;;
  *) fetch_at "$1" -o "$raw" ;;
  esac || { echo "the key of the repository cannot be fetched: $1"; return 1; }
  mkdir -p -m 0755 /etc/apt/keyrings
  key_bytes <"$raw" >"$2.new"
  # A packet of OpenPGP begins with its highest bit set: a page of a proxy is no key.
  [ "$(head -c 1 -- "$2.new" | od -An -tu1 | tr -d ' ')" -ge 128 ] 2>/dev/null || { rm -f -- "$2.new"; echo "there is no key of OpenPGP at $1"; return 1; }
  mv -fT -- "$2.new" "$2"
}

# Out of the armor, each block for itself, or as they are.
key_bytes() {
  text=$(base64 -w 0)
  as_sent() { printf %s "$text" | base64 -d; }
  if as_sent | grep -qa 'BEGIN PGP'; then
    as_sent | tr -d '\r' | awk 'BEGIN { head = 1 }
      /^-----BEGIN PGP/ { body = ""; head = 1; next }
      /^-----END PGP/ { if (body != "") print body; body = ""; head = 1; next }
      head { if ($0 == "") head = 0; next }
      !/^=/ { body = body $0 }' | while read -r body; do printf %s "$body" | base64 -d; done
  else
    as_sent
  fi
}

# pip refuses to write beside the distribution's own packages unless it is told to.
pip_may() { ! pip3 install --help | grep -q -e --break-system-packages || printf %s --break-system-packages; }
