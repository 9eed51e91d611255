# set_hostname NAME [LINE...]: and the lines of /etc/hosts by which the host knows itself, where they stood.
set_hostname() {
  name=$1
  printf '%s\n' "$name" | rewrite /etc/hostname
  hostname -- "$name" || hostnamectl set-hostname -- "$name"
  shift
  [ $# -gt 0 ] || set -- "127.0.1.1 $name"
  lines=$(printf '%s\n' "$@") awk '
    function put() { if (!done && ENVIRON["lines"] != "") print ENVIRON["lines"]; done = 1 }
    /^127\.0\.1\.1[[:space:]]/ { put(); next }
    { print }
    END { put() }' /etc/hosts | rewrite /etc/hosts
}

# fstab_line FIELD WORD [LINE]: LINE takes the place of the last line that has WORD there, or goes to the end; without
# LINE that one leaves.
fstab_line() {
  {
    field=$1 word=$2 line=${3-} awk '
      { lines[NR] = $0; if ($0 !~ /^[[:space:]]*#/ && $(ENVIRON["field"]) == ENVIRON["word"]) last = NR }
      END {
        for (i = 1; i <= NR; i++) if (i != last) print lines[i]; else if (ENVIRON["line"] != "") print ENVIRON["line"]
        if (!last && ENVIRON["line"] != "") print ENVIRON["line"]
      }' /etc/fstab 2>/dev/null || printf '%s\n' "${3-}"
  } | rewrite /etc/fstab
  # systemd makes a unit of each line of fstab, and keeps it until it reads it again.
  [ ! -d /run/systemd/system ] || systemctl daemon-reload
}

in_swap() { path=$1 awk '$1 == ENVIRON["path"] { found = 1 } END { exit !found }' /proc/swaps; }
is_swap() { [ -f "$1" ] && [ ! -L "$1" ] && [ "$(tail -c +4087 -- "$1" | head -c 10)" = SWAPSPACE2 ]; }

# make_swap PATH MB: nothing is begun that the disk cannot hold, and a twentieth of it stays free.
make_swap() {
  command -v swapon >/dev/null && command -v mkswap >/dev/null || { echo 'there is no mkswap or swapon on this server'; return 1; }
  folder_of "$1"
  enter_folder "$folder" "$1"
  rm -f -- "$1.devops-new"
  have=0
  if [ -e "$1" ] || [ -L "$1" ]; then
    in_swap "$1" || is_swap "$1" || { echo "$1 is there and is no swap file: it is left alone"; return 1; }
    have=$(du -m -- "$1" | cut -f1)
  fi
  set -- "$1" "$2" $(df -Pm -- "$folder" | awk 'NR == 2 { print $4, int($2 / 20) }')
  if [ $(($2 + $4)) -gt $(($3 + have)) ]; then
    echo "there is no room for $1: it needs $2 MB, and $(($3 + have)) MB are free, of which $4 MB must stay free"
    return 1
  fi
  # Both at once where there is room for both: the old one is in use until the new one is there.
  [ $(($2 + $4)) -le "$3" ] || drop_swap "$1" || return 1
  if ! { write_swap "$1.devops-new" "$2" && drop_swap "$1" && mv -- "$1.devops-new" "$1" && use_swap "$1" "$2"; }; then
    rm -f -- "$1.devops-new"
    [ -e "$1" ] || fstab_line 1 "$1"
    return 1
  fi
  grep -q "^$1[[:space:]]" /etc/fstab 2>/dev/null || fstab_line 1 "$1" "$1 none swap sw 0 0"
}

write_swap() {
  (umask 077; fallocate -l "$2M" "$1" 2>/dev/null || dd if=/dev/zero of="$1" bs=1M count="$2" status=none) && mkswap -q -- "$1"
}

# A file with holes, or one on a copy-on-write file system, is refused: it is written out then.
use_swap() {
  swapon -- "$1" 2>/dev/null ||
    { dd if=/dev/zero of="$1" bs=1M count="$2" status=none && mkswap -q -- "$1" && swapon -- "$1"; } ||
    { rm -f -- "$1"; return 1; }
}

drop_swap() {
  ! in_swap "$1" || swapoff -- "$1" || { echo "$1 is in use, and its content does not fit into memory"; return 1; }
  rm -f -- "$1"
}

remove_swap() {
  drop_swap "$1"
  fstab_line 1 "$1"
}

fstab_path() { printf '%s' "$1" | sed 's/\\/\\0134/g; s/ /\\040/g; s/\t/\\011/g'; }

# set_mount PATH LINE [yes|no]: mounted as LINE says (with `no`: not mounted), and then LINE is in fstab. What cannot be
# mounted leaves both as they were, so that fstab never says what is not in force.
set_mount() {
  if [ ! -d "$1" ]; then
    make_folder "$1"
    mkdir -p -m 0755 /var/lib/devops/folders
    : >"/var/lib/devops/folders/$(digest_of "mount $1")"
  fi
  printf '%s\n' "$2" >/run/devops/fstab
  if [ "${3-yes}" = no ]; then
    ! mountpoint -q -- "$1" || umount -- "$1"
  elif ! mountpoint -q -- "$1"; then
    mount -T /run/devops/fstab -- "$1"
  else
    mount_anew "$1"
  fi
  fstab_line 2 "$(fstab_path "$1")" "$2"
}

# What is in memory would be lost with an unmount, and what is in use cannot be unmounted: with the same device and type
# other options may do.
mount_anew() {
  was=$(path=$(fstab_path "$1" | sed 's/\\0134/\\134/g') awk '$2 == ENVIRON["path"] { found = $1 " " $3 " " $4 } END { print found }' /proc/self/mounts)
  same=$(awk '{ print $1 " " $3 }' /run/devops/fstab)
  [ "${was% *}" = "$same" ] || same=
  case $same in *' tmpfs') mount -T /run/devops/fstab -o remount -- "$1" && return ;; esac
  if ! umount -- "$1"; then
    [ -z "$same" ] || mount -T /run/devops/fstab -o remount -- "$1" || same=
    [ -n "$same" ] || echo "$1 is in use: it stays mounted as it was"
    [ -n "$same" ]
    return
  fi
  mount -T /run/devops/fstab -- "$1" && return
  # As it was.
  set -- "$1" $was
  mount -- "$1" 2>/dev/null || mount -t "$3" -o "$4" -- "$2" "$1" || echo "and $1 cannot be mounted as it was before either"
  return 1
}

unset_mount() {
  ! mountpoint -q -- "$1" || umount -- "$1"
  fstab_line 2 "$(fstab_path "$1")"
  note=/var/lib/devops/folders/$(digest_of "mount $1")
  if [ -e "$note" ]; then
    rm -f -- "$note"
    remove_folder "$1"
  fi
}

# set_host NAME LINE [OLD]: LINE is the only one whose first name it is. OLD, which was ours, leaves; lines of others are
# commented out where they stand.
set_host() {
  name=$1 line=$2 old=${3-} awk '
    { text = $0; sub(/#.*/, "", text); n = split(text, word); plain = word[1]; for (i = 2; i <= n; i++) plain = plain " " word[i] }
    n < 2 || word[2] != ENVIRON["name"] { print; next }
    plain == ENVIRON["line"] && !there { there = 1; print; next }
    plain == ENVIRON["line"] || plain == ENVIRON["old"] { next }
    { print "#devops:" ENVIRON["name"] "# " $0 }
    END { if (!there) print ENVIRON["line"] }' /etc/hosts | rewrite /etc/hosts
}

# unset_host NAME OURS [FORMER]: our line leaves, and lines of others are back where they stood.
unset_host() {
  name=$1 ours=$2 former=${3-} awk '
    BEGIN { mark = "#devops:" ENVIRON["name"] "# " }
    index($0, mark) == 1 { print substr($0, length(mark) + 1); next }
    { text = $0; sub(/#.*/, "", text); n = split(text, word); plain = word[1]; for (i = 2; i <= n; i++) plain = plain " " word[i] }
    ENVIRON["ours"] != "" && plain == ENVIRON["ours"] { next }
    { print }
    END { if (ENVIRON["former"] != "") print ENVIRON["former"] }' /etc/hosts | rewrite /etc/hosts
}

# A unit that does not run is left alone; one that has just failed for us is not: `retrying`.
handle_unit() {
  # systemd does not see by itself that a unit has its first drop-in, so a restart never trusts its word.
  [ "$1" != restart ] && [ "$(systemctl show -P NeedDaemonReload -- "$2")" = no ] || systemctl daemon-reload
  case $(systemctl show -P ActiveState -- "$2") in
  inactive | failed)
    [ -n "$retrying" ] || return 0
    systemctl reset-failed -- "$2" || :
    ;;
  esac
  journal_ends
  systemctl "$1" -- "$2" || why_not "$2"
  [ "$1" != restart ] || settled "$2"
}
retrying=
reload_unit() { handle_unit reload-or-restart "$1"; }
# A wished restart is no crash: it does not count for the unit's limit of starts.
restart_unit() {
  ! systemctl is-active --quiet -- "$1" || systemctl reset-failed -- "$1" || :
  handle_unit restart "$1"
}
start_unit() {
  journal_ends
  systemctl --no-ask-password start -- "$1" || why_not "$1"
  settled "$1"
}

# A simple unit counts as started before its program has said a word: one that falls over at once is seen a moment later.
settled() {
  sleep 0.3
  case $(systemctl show -P ActiveState,SubState -- "$1" | tr '\n' ' ') in
  failed* | *auto-restart*) why_not "$1" ;;
  esac
}
# Where the journal ends before a unit is started: what it says after that is about this start, and its restarts.
journal_ends() { cursor=$(journalctl -q -n 0 --show-cursor 2>/dev/null | sed -n 's/^-- cursor: //p'); }

# What the program itself said: systemd's own lines come after it, and would hide the one that decides. Under load the
# journal takes systemd's lines before the program's: each sync is a round of all that is waiting. One that never said
# anything is told by systemd's.
why_not() {
  unit=$(systemctl show -P Id -- "$1")
  for round in 1 2 3 4 5 6 7 8; do
    journalctl --sync 2>/dev/null || :
    said=$(said_since "$unit" | tail -n 5)
    [ -z "$said" ] || break
  done
  [ -n "$said" ] || said=$(journalctl -q -n 5 --no-pager -o cat -u "$1" 2>/dev/null)
  printf '%s\n' "$said"
  return 1
}
cursor=
# Not --after-cursor: with a filter systemd before 255 leaves out the line after one that does not fit it.
said_since() {
  journalctl -q --no-pager -o export --output-fields=MESSAGE ${cursor:+"--cursor=$cursor"} "_SYSTEMD_UNIT=$1" 2>/dev/null |
    cursor=$cursor awk '/^__CURSOR=/ { ours = substr($0, 10) != ENVIRON["cursor"] } ours && /^MESSAGE=/ { print substr($0, 9) }'
}

# retire_unit UNIT: nothing of it runs when its file leaves, whoever started it. Of a template all instances.
retire_unit() {
  systemctl --quiet --no-ask-password disable -- "$1" 2>/dev/null || :
  stop_all_of "$1"
}

# bury_unit UNIT: its file has left. A socket or timer may have started it once more meanwhile: from now on none can.
bury_unit() {
  systemctl daemon-reload
  stop_all_of "$1"
}

stop_all_of() {
  case $1 in
  *@.*) units=$(systemctl list-units --all --plain --no-legend -- "${1%%@.*}@*.${1##*.}" | cut -d' ' -f1) ;;
  *) units=$1 ;;
  esac
  for each in $units; do
    case $(systemctl show -P ActiveState -- "$each") in
    inactive) ;;
    failed) systemctl reset-failed -- "$each" || : ;;
    *)
      systemctl --no-ask-password stop -- "$each"
      systemctl reset-failed -- "$each" 2>/dev/null || :
      ;;
    esac
  done
}

# renew_unit UNIT: it is as it was before us again; what runs does so by that.
renew_unit() {
  systemctl daemon-reload
  systemctl --no-ask-password try-restart -- "$1"
}
