# A copy of what was there before us, kept once for ever: removal gives it back.
before_of() { sum=$(printf %s "$1" | sha256sum); printf '/var/lib/devops/before/%s' "${sum%% *}"; }
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
  [ -z "$sha256" ] || [ "${sum%% *}" = "$sha256" ] || { echo 'the content did not arrive whole'; exit 1; }
  chown -- "$owner" /proc/self/fd/9
  chmod -- "$mode" /proc/self/fd/9
  sync /proc/self/fd/9
  exec 9>&-
  check "$PWD/$new" || { echo "the check of $path refuses the new content: the old one stays"; exit 1; }
  place "$new" "${path##*/}"
  sync .
}
check() { :; }

remove_file() {
  cd -P -- "$(dirname -- "$1")"
  copy=$(before_of "$1")
  if [ -e "$copy" ] || [ -L "$copy" ]; then
    new=.devops-$token
    cp -a -- "$copy" "$new"
    place "$new" "${1##*/}"
    rm -f -- "$copy"
  else
    rm -f -- "${1##*/}"
  fi
}

make_link() {
  cd -P -- "$(dirname -- "$2")"
  keep_before "$2"
  ln -s -- "$1" ".devops-$token"
  mv -fT -- ".devops-$token" "${2##*/}"
}
