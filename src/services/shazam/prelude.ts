import { MADE, PENDING } from './facts/journal.ts'

/**
 * The functions of every apply, in plain POSIX sh (dash). Nothing here runs by itself: the script's last line starts
 * `main`, so a transfer that is cut off runs nothing.
 */
export const prelude = String.raw`
mark() { printf '\n\036%s %s\n' "$nonce" "$*"; }

# A copy of what was there before us, kept once for ever: removal gives it back.
before_of() { sum=$(printf %s "$1" | sha256sum); printf '/var/lib/devops/before/%s' "${'$'}{sum%% *}"; }
keep_before() {
  [ -f "$1" ] || [ -L "$1" ] || return 0
  copy=$(before_of "$1")
  [ ! -e "$copy" ] && [ ! -L "$copy" ] || return 0
  mkdir -p -m 0700 /var/lib/devops/before
  cp -a -- "$1" "$copy.new"
  mv -fT -- "$copy.new" "$copy"
}

# Takes the place of a file at once. A file that something is mounted on (a container's /etc/hosts) cannot be replaced.
place() {
  said=$(mv -fT -- "$1" "$2" 2>&1) && return 0
  case $said in
  *busy*) cat -- "$1" >"$2" && chown --reference="$1" -- "$2" && chmod --reference="$1" -- "$2" && rm -f -- "$1" ;;
  *) printf '%s\n' "$said" && return 1 ;;
  esac
}

# write_file PATH OWNER:GROUP MODE SHA256 [keep] [gzip] [once], base64 on its input, check() already there.
# All is done to the open file: nobody who may write to the folder can slip another one under our hand.
write_file() {
  path=$1 owner=$2 mode=$3 sha256=$4
  shift 4
  case " $* " in *' once '*) [ ! -e "$path" ] && [ ! -L "$path" ] || exit 77 ;; esac
  case " $* " in *' keep '*) keep_before "$path" ;; esac
  cd -P -- "$(dirname -- "$path")"
  find . -maxdepth 1 -name '.devops-*' -type f -delete
  new=.devops-$token
  trap 'rm -f -- "$new"' EXIT
  umask 077
  set -C
  exec 9>"$new"
  set +C
  case " $* " in *' gzip '*) base64 -d | gzip -dc >&9 ;; *) base64 -d >&9 ;; esac
  sum=$(sha256sum /proc/self/fd/9)
  [ -z "$sha256" ] || [ "${'$'}{sum%% *}" = "$sha256" ] || { echo 'the content did not arrive whole'; exit 1; }
  chown -- "$owner" /proc/self/fd/9
  chmod -- "$mode" /proc/self/fd/9
  sync /proc/self/fd/9
  exec 9>&-
  check "$PWD/$new" || { echo "the check of $path refuses the new content: the old one stays"; exit 1; }
  place "$new" "${'$'}{path##*/}"
  sync .
}
check() { :; }

remove_file() {
  cd -P -- "$(dirname -- "$1")"
  copy=$(before_of "$1")
  if [ -e "$copy" ] || [ -L "$copy" ]; then
    new=.devops-$token
    cp -a -- "$copy" "$new"
    place "$new" "${'$'}{1##*/}"
    rm -f -- "$copy"
  else
    rm -f -- "${'$'}{1##*/}"
  fi
}

make_link() {
  cd -P -- "$(dirname -- "$2")"
  keep_before "$2"
  ln -s -- "$1" ".devops-$token"
  mv -fT -- ".devops-$token" "${'$'}{2##*/}"
}

set_hostname() {
  printf '%s\n' "$1" | base64 | write_file /etc/hostname root:root 644 '' keep
  hostname -- "$1" || hostnamectl set-hostname -- "$1"
  { sed '/^127\.0\.1\.1[[:space:]]/d' /etc/hosts; printf '127.0.1.1 %s\n' "$1"; } |
    base64 | write_file /etc/hosts root:root 644 '' keep
}

as_user() { runuser -s /bin/sh -l -- "$1" -c "set -e
$2"; }

remove_user() {
  pkill -KILL -u "$1" || :
  userdel --remove -- "$1"
}

apt() {
  apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef \
    -o Dpkg::Options::=--force-confold "$@"
}

# What an interrupted dpkg left half done is finished first; one that is at work is waited for.
repair_packages() {
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

installed_packages() { dpkg-query -W -f '${'$'}{Package} ${'$'}{db:Status-Status}\n' | sed -n 's/ installed$//p' | sort -u; }

# Names with a version are always left to apt.
missing_packages() {
  for name; do
    case $name in *=*) echo "$name" && continue ;; esac
    [ "$(dpkg-query -W -f '${'$'}{db:Status-Status}' -- "$name" 2>/dev/null)" = installed ] || echo "$name"
  done
}

install_packages() {
  [ -n "$(missing_packages "$@")" ] || return 0
  repair_packages
  [ -n "$(find /run/devops/refreshed -mmin -1440 2>/dev/null)" ] || refresh_packages
  installed_packages >/run/devops/before
  if ! apt install --no-install-recommends --allow-downgrades -- "$@"; then
    [ ! /run/devops/refreshed -nt /run/devops/began ] || return 1
    refresh_packages
    apt install --no-install-recommends --allow-downgrades -- "$@"
  fi
  installed_packages | comm -13 /run/devops/before - >>/var/lib/devops/brought
}

# With its configuration, and with those of its dependencies that came with it and that nothing else needs.
remove_package() {
  repair_packages
  apt purge -- "$1"
  apt-get -s autoremove | sed -n 's/^Remv \([^ :]*\).*/\1/p' | sort -u >/run/devops/unneeded
  rest=$(sort -u /var/lib/devops/brought 2>/dev/null | comm -12 - /run/devops/unneeded)
  [ -z "$rest" ] || apt purge -- $rest
}

# add_key SOURCE FILE: a URL, a file of this node, a PPA's name or the key itself; kept armoured, as apt wants it.
add_key() {
  raw=/run/devops/key
  case $1 in
  ppa:*)
    ppa=${'$'}{1#ppa:}
    owner=${'$'}{ppa%%/*}
    print=$(curl -fsSL "https://api.launchpad.net/1.0/~$owner/+archive/ubuntu/${'$'}{ppa#*/}" |
      sed -n 's/.*"signing_key_fingerprint": *"\([0-9A-F]*\)".*/\1/p')
    curl -fsSL -o "$raw" "https://keyserver.ubuntu.com/pks/lookup?op=get&options=mr&search=0x$print"
    ;;
  http://* | https://*) curl -fsSL -o "$raw" -- "$1" ;;
  /*) cat -- "$1" >"$raw" ;;
  *) printf '%s\n' "$1" >"$raw" ;;
  esac
  mkdir -p -m 0755 /etc/apt/keyrings
  {
    if grep -q 'BEGIN PGP' "$raw"; then cat "$raw"; else
      printf -- '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n'
      base64 "$raw"
      printf -- '-----END PGP PUBLIC KEY BLOCK-----\n'
    fi
  } >"$2.new"
  mv -fT -- "$2.new" "$2"
}

make_swap() {
  swapoff -- "$1" 2>/dev/null || :
  rm -f -- "$1"
  (umask 077; fallocate -l "$2M" "$1" || dd if=/dev/zero of="$1" bs=1M count="$2" status=none)
  chmod 600 "$1"
  mkswap -q -- "$1"
  # A file with holes, or one on a copy-on-write file system, is refused: write it out.
  swapon -- "$1" || { dd if=/dev/zero of="$1" bs=1M count="$2" status=none; mkswap -q -- "$1"; swapon -- "$1"; }
  grep -q "^$1[[:space:]]" /etc/fstab || printf '%s none swap sw 0 0\n' "$1" >>/etc/fstab
}

remove_swap() {
  swapoff -- "$1" 2>/dev/null || :
  sed -i "\|^$1[[:space:]]|d" /etc/fstab
  rm -f -- "$1"
}

note_made() { grep -qxF -e "$1" ${MADE} 2>/dev/null || printf '%s\n' "$1" >>${MADE}; }
forget_made() {
  [ -f ${MADE} ] || return 0
  grep -vxF -e "$1" ${MADE} >${MADE}.new || :
  mv -fT ${MADE}.new ${MADE}
}

failed=' '
notified=' '
left=
# run ACTION DEPENDENCIES HANDLERS MADE: what must hold even if we die here is written down before it is done.
run() {
  code=1
  for need in $2; do
    case $failed in *" $need "*) failed="$failed$1 " && mark skip "$1" "$need" && return ;; esac
  done
  [ -z "$4" ] || note_made "$4"
  for handler in $3; do printf '%s\n' "$handler" >>${PENDING}; done
  mark start "$1"
  token=$secret-$1
  (
    set -e
    "action_$1"
  ) </dev/null 2>&1 8>&-
  code=$?
  case $code in
  0) notified="$notified$3 " ;;
  77) ;;
  *) failed="$failed$1 " ;;
  esac
  mark end "$1" $code
}

# Several packages at once: a failure here is no failure, for each is tried by itself afterwards.
bulk() {
  mark start "$1"
  (
    set -e
    "action_$1"
  ) </dev/null 2>&1 8>&-
  mark end "$1" $?
}

# handle ACTION HANDLER OTHERS: not when one of the others does more, or did the same.
handle() {
  case $notified in *" $2 "*) ;; *) return ;; esac
  for other in $3; do case $notified in *" $other "*) return ;; esac; done
  mark start "$1"
  (
    set -e
    "action_$1"
  ) </dev/null 2>&1 8>&-
  code=$?
  [ $code = 0 ] || left="$left$2
"
  mark end "$1" $code
}

enter() {
  export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  umask 022
  cd /
  mkdir -p -m 0700 /run/devops
  mkdir -p -m 0755 /var/lib/devops
  exec 8>/run/devops/lock
  if ! flock -n 8; then
    mark wait
    flock -w 1800 8
    mark again
    exit 0
  fi
  touch /run/devops/began
  mark begin
}

leave() {
  printf %s "$left" >${PENDING}
  mark done
}
`
