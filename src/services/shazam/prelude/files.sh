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

# enter_folder FOLDER PATH: where PATH is about to be.
enter_folder() {
  cd -P -- "$1" 2>/dev/null && return 0
  echo "there is no folder $1 for $2: describe it as a \`directory\`"
  exit 1
}

# folder_of PATH: `dirname` without a process.
folder_of() { folder=${1%/*} && [ -n "$folder" ] || folder=/; }

# owned_by_us OWNER:GROUP PATH: it is so already, as most are that root has just made.
owned_by_us() { [ "$1" = root:root ] && [ -O "$2" ] && [ -G "$2" ]; }

# A new name is lost in a power cut until its folder is on the disk: all folders at once, at the end, for each waits for
# the disk. The content is there before its name.
unsynced=/run/devops/unsynced
sync_folders() {
  [ -s $unsynced ] || return 0
  known="
"
  set --
  while IFS= read -r folder; do
    case $known in *"
$folder
"*) continue ;; esac
    known="$known$folder
"
    [ ! -d "$folder" ] || set -- "$@" "$folder"
  done <$unsynced
  LC_ALL=C sync -- "$@" || sync
  : >$unsynced
}

# write_file PATH OWNER:GROUP MODE SHA256 [keep] [gzip] [once] [like], base64 on its input, check() already there. SHA256 is
# empty where the content is there whole or not at all.
# All is done to the open file: nobody who may write to the folder can slip another one under our hand. No locale is
# loaded for it: each process would take half as long again.
write_file() {
  LC_ALL=C path=$1 owner=$2 mode=$3 sha256=$4
  shift 4
  case " $* " in *' once '*) [ ! -e "$path" ] && [ ! -L "$path" ] || exit 77 ;; esac
  case " $* " in *' keep '*) keep_before "$path" ;; esac
  folder_of "$path"
  enter_folder "$folder" "$path"
  # What an apply that was cut has left.
  for new in .devops-*; do [ ! -f "$new" ] || [ -L "$new" ] || rm -f -- "$new"; done
  new=.devops-$token
  trap 'rm -f -- "$new"' EXIT
  umask 077
  set -C
  exec 9>"$new"
  set +C
  # With what the one that it replaces has beside its content.
  case " $* " in *' like '*) cp --attributes-only --preserve=all -- "${path##*/}" "$new" 2>/dev/null || : ;; esac
  case " $* " in *' gzip '*) base64 -d | gzip -dc >&9 ;; *) base64 -d >&9 ;; esac
  [ -z "$sha256" ] || { sum=$(sha256sum /proc/self/fd/9) && [ "${sum%% *}" = "$sha256" ]; } ||
    { echo 'the content did not arrive whole'; exit 1; }
  owned_by_us "$owner" /proc/self/fd/9 || chown -- "$owner" /proc/self/fd/9
  chmod -- "$mode" /proc/self/fd/9
  sync /proc/self/fd/9
  exec 9>&-
  check "$PWD/$new" || { echo "the check of $path refuses the new content: the old one stays"; exit 1; }
  remember "$path"
  place "$new" "${path##*/}"
  printf '%s\n' "$folder" >>$unsynced
}
check() { :; }

drop_file() {
  remember "$1"
  rm -f -- "$1"
}

# remove_file PATH [theirs [OWNER:GROUP MODE]]: what was there before us is given back.
remove_file() {
  remember "$1"
  copy=$(before_of "$1")
  # Its folder has gone with something else: there is nothing to remove, and no place to give anything back to.
  cd -P -- "$(dirname -- "$1")" 2>/dev/null || { rm -f -- "$copy"; exit 77; }
  if [ -e "$copy" ] || [ -L "$copy" ]; then
    new=.devops-$token
    cp -a -- "$copy" "$new"
    place "$new" "${1##*/}"
    rm -f -- "$copy"
  elif [ "${2-}" = theirs ]; then
    [ -n "${3-}" ] || exit 77
    chown -h -- "$3" "${1##*/}"
    chmod -- "$4" "${1##*/}"
  else
    rm -f -- "${1##*/}"
  fi
}

# make_link TARGET PATH [keep]
make_link() {
  LC_ALL=C
  folder_of "$2"
  enter_folder "$folder" "$2"
  [ "${3-}" != keep ] || keep_before "$2"
  remember "$2"
  if [ -e "${2##*/}" ] || [ -L "${2##*/}" ]; then
    ln -s -- "$1" ".devops-$token"
    mv -fT -- ".devops-$token" "${2##*/}"
  else
    ln -sT -- "$1" "${2##*/}"
  fi
}

digest_of() { digest=$(printf %s "$1" | sha256sum); printf %s "${digest%% *}"; }

# rewrite FILE: what comes on its input takes the place of the content. Owner, mode, ACL and attributes stay, and so does
# a link that leads to the file.
rewrite() {
  real=$(readlink -f -- "$1") && [ -n "$real" ] || real=$1
  if [ -e "$real" ]; then
    base64 | write_file "$real" "$(stat -c %U:%G -- "$real")" "$(stat -c %a -- "$real")" '' like
  else
    base64 | write_file "$real" root:root 644 ''
  fi
}

# line_note FILE LINE WHAT: what must be known to give a file back as it was.
line_note() { mkdir -p -m 0700 /var/lib/devops/lines && printf '/var/lib/devops/lines/%s' "$(digest_of "$1 $2")${3:+.$3}"; }

# set_line FILE LINE MATCH: takes the place of the first line that matches, or goes to the end.
set_line() {
  ! grep -qxF -e "$2" -- "$1" 2>/dev/null || exit 77
  at=
  [ -z "$3" ] || at=$(grep -nE -m1 -e "$3" -- "$1" 2>/dev/null | cut -d: -f1)
  if [ -n "$at" ]; then
    (umask 077; sed -n "${at}p" -- "$1" >"$(line_note "$1" "$2")")
    { head -n "$((at - 1))" -- "$1"; printf '%s\n' "$2"; tail -n "+$((at + 1))" -- "$1"; } | rewrite "$1"
    return
  fi
  if [ ! -e "$1" ]; then
    : >"$(line_note "$1" "$2" new)"
  elif [ -s "$1" ] && [ -n "$(tail -c 1 -- "$1")" ]; then
    : >"$(line_note "$1" "$2" open)"
  fi
  { [ ! -e "$1" ] || sed '$a\' -- "$1"; printf '%s\n' "$2"; } | rewrite "$1"
}

# unset_line FILE LINE: gives back the line whose place it took. A last line without its newline is one again, and a file
# that came with the line leaves with it.
unset_line() {
  at=$(grep -nxF -m1 -e "$2" -- "$1" | cut -d: -f1)
  [ -n "$at" ] || exit 77
  before=$(line_note "$1" "$2")
  last=$(wc -l <"$1")
  if [ -e "$before.new" ] && [ "$last" = 1 ]; then
    drop_file "$1"
  else
    {
      head -n "$((at - 1))" -- "$1"
      cat -- "$before" 2>/dev/null || :
      tail -n "+$((at + 1))" -- "$1"
    } | if [ -e "$before.open" ] && [ "$at" = "$last" ]; then head -c -1; else cat; fi | rewrite "$1"
  fi
  rm -f -- "$before" "$before.new" "$before.open"
}

# Paths that nothing that leaves may take along, a line each.
STAYING=/run/devops/staying

# spared_in FOLDER: what of them is there or below, and what is mounted there.
spared_in() {
  {
    cat -- "$STAYING" 2>/dev/null || :
    awk '{ gsub(/\\040/, " ", $2); gsub(/\\011/, "\t", $2); gsub(/\\134/, "\\", $2); print $2 }' /proc/self/mounts
  } | folder=$1 awk '$0 == ENVIRON["folder"] || index($0, ENVIRON["folder"] "/") == 1' | sort -u
}

# purge_folder FOLDER: with all that is in it, but what stays. The folders around that are noted, and leave with it.
purge_folder() {
  spared=$(spared_in "$1")
  [ -n "$spared" ] || { rm -rf --one-file-system -- "$1"; return; }
  top=$1
  set -- -false
  while IFS= read -r each; do
    set -- "$@" -o -path "$(printf %s "$each" | sed 's/[][*?\\]/\\&/g')"
  done <<SPARED
$spared
SPARED
  find "$top" -xdev \( "$@" \) -prune -o ! -type d -exec rm -f -- {} +
  find "$top" -xdev \( "$@" \) -prune -o -type d -print0 | sort -rz | xargs -0 -r rmdir --ignore-fail-on-non-empty --
  mkdir -p -m 0755 /var/lib/devops/folders
  while IFS= read -r each; do
    folder_of "$each"
    while case $folder in "$top" | "$top"/*) ;; *) false ;; esac; do
      printf '%s\n' "$folder" >>"/var/lib/devops/folders/$(digest_of "$each")"
      folder_of "$folder"
    done
  done <<SPARED
$spared
SPARED
}

# but_staying FOLDER: of names relative to it, NUL after each, those that may leave.
but_staying() {
  [ -s "$STAYING" ] || { cat; return; }
  tr '\n\0' '\1\n' | folder=$1 awk 'FNR == NR { stays[$0]; next } !(ENVIRON["folder"] substr($0, 2) in stays)' "$STAYING" - | tr '\n\1' '\0\n'
}

# make_certificate CERTIFICATE KEY OWNER:GROUP DAYS NAME ALTERNATIVES [keep]: both are there or none.
make_certificate() {
  work=$(mktemp -d /run/devops/certificate.XXXXXX)
  trap 'rm -rf -- "$work"' EXIT
  # X.509 has room for 64 characters there; who checks a name reads the alternatives.
  common=$(printf %.64s "$5")
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 -days "$4" \
    -subj "/CN=$common" -addext "subjectAltName=$6" -keyout "$work/key" -out "$work/certificate" 2>&1
  (base64 "$work/key" | write_file "$2" "$3" 600 '' "${7-}")
  (base64 "$work/certificate" | write_file "$1" "$3" 644 '' "${7-}")
}

# note_above PATH: which folders above it are missing. They leave with it.
note_above() {
  folder_of "$1"
  above=$folder
  [ -d "$above" ] || mkdir -p -m 0755 /var/lib/devops/folders
  while [ ! -d "$above" ]; do
    printf '%s\n' "$above" >>"/var/lib/devops/folders/$(digest_of "$1")"
    printf '%s\n' "$above" >>/var/lib/devops/folders-above
    folder_of "$above"
    above=$folder
  done
}

# make_above PATH: the folders above it that are missing.
make_above() {
  note_above "$1"
  folder_of "$1"
  mkdir -p -- "$folder"
}

# leave_above PATH: the folders that were made above it, those that are empty.
leave_above() {
  note=/var/lib/devops/folders/$(digest_of "$1")
  [ -f "$note" ] || return 0
  while read -r above; do
    [ -n "$(spared_in "$above")" ] || rmdir --ignore-fail-on-non-empty -- "$above" || :
  done <"$note"
  rm -f -- "$note"
  # One that somebody makes later is theirs.
  [ -f /var/lib/devops/folders-above ] || return 0
  while read -r above; do [ ! -d "$above" ] || printf '%s\n' "$above"; done 2>/dev/null </var/lib/devops/folders-above >/run/devops/folders-above
  cat /run/devops/folders-above >/var/lib/devops/folders-above
}

# make_folder PATH [OWNER:GROUP MODE]: with those above it that are missing.
make_folder() {
  LC_ALL=C
  note_above "$1"
  if [ -n "${3-}" ] && [ ! -e "$1" ] && [ ! -L "$1" ]; then
    mkdir -p -m "$3" -- "$1"
    owned_by_us "$2" "$1" || chown -h -- "$2" "$1"
    return
  fi
  mkdir -p -- "$1"
  [ -n "${3-}" ] || return 0
  chown -h -- "$2" "$1"
  chmod -- "$3" "$1"
}

remove_folder() {
  [ ! -d "$1" ] || rmdir --ignore-fail-on-non-empty -- "$1"
  leave_above "$1"
}
