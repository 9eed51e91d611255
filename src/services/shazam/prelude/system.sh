# set_hostname NAME [LINE]: and the line of /etc/hosts by which the host knows itself.
set_hostname() {
  printf '%s\n' "$1" | rewrite /etc/hostname
  hostname -- "$1" || hostnamectl set-hostname -- "$1"
  { sed '/^127\.0\.1\.1[[:space:]]/d' /etc/hosts; line=${2-127.0.1.1 $1}; [ -z "$line" ] || printf '%s\n' "$line"; } | rewrite /etc/hosts
}

make_swap() {
  swapoff -- "$1" 2>/dev/null || :
  rm -f -- "$1"
  (umask 077; fallocate -l "$2M" "$1" || dd if=/dev/zero of="$1" bs=1M count="$2" status=none)
  chmod 600 "$1"
  mkswap -q -- "$1"
  # A file with holes, or one on a copy-on-write file system, is refused: write it out.
  swapon -- "$1" 2>/dev/null || {
    dd if=/dev/zero of="$1" bs=1M count="$2" status=none
    mkswap -q -- "$1"
    swapon -- "$1" || { rm -f -- "$1"; return 1; }
  }
  grep -q "^$1[[:space:]]" /etc/fstab || printf '%s none swap sw 0 0\n' "$1" >>/etc/fstab
}

remove_swap() {
  swapoff -- "$1" 2>/dev/null || :
  sed -i "\|^$1[[:space:]]|d" /etc/fstab
  rm -f -- "$1"
}

# systemd makes a unit of each line of fstab, and keeps it until it reads anew.
reread_fstab() {
  [ ! -d /run/systemd/system ] || systemctl daemon-reload
}

# set_mount PATH LINE: the line of fstab, and mounted as it says.
set_mount() {
  escaped=$(printf '%s\n' "$2" | cut -d' ' -f2)
  {
    [ ! -e /etc/fstab ] || path=$escaped awk '/^[[:space:]]*#/ || $2 != ENVIRON["path"]' /etc/fstab
    printf '%s\n' "$2"
  } | rewrite /etc/fstab
  reread_fstab
  if [ ! -d "$1" ]; then
    make_folder "$1"
    mkdir -p -m 0755 /var/lib/devops/folders
    : >"/var/lib/devops/folders/$(digest_of "mount $1")"
  fi
  if mountpoint -q -- "$1"; then umount -- "$1"; fi
  mount -- "$1"
}

unset_mount() {
  escaped=$(printf '%s' "$1" | sed 's/\\/\\0134/g; s/ /\\040/g; s/\t/\\011/g')
  path=$escaped awk '/^[[:space:]]*#/ || $2 != ENVIRON["path"]' /etc/fstab | rewrite /etc/fstab
  ! mountpoint -q -- "$1" || umount -- "$1"
  reread_fstab
  note=/var/lib/devops/folders/$(digest_of "mount $1")
  if [ -e "$note" ]; then
    rm -f -- "$note"
    remove_folder "$1"
  fi
}

# set_host NAME LINE: the line of /etc/hosts whose first name it is; none when LINE is empty.
set_host() {
  {
    name=$1 awk '$2 != ENVIRON["name"] || /^[[:space:]]*#/' /etc/hosts
    [ -z "$2" ] || printf '%s\n' "$2"
  } | rewrite /etc/hosts
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
# What the program itself said: systemd's own lines come after it, and would hide the one that decides.
why_not() {
  journalctl --sync 2>/dev/null || :
  run=$(systemctl show -P InvocationID -- "$1")
  said=$(journalctl -q -n 5 --no-pager -o cat "_SYSTEMD_INVOCATION_ID=${run:-none}" 2>/dev/null)
  [ -n "$said" ] || said=$(journalctl -q -n 5 --no-pager -o cat -u "$1" 2>/dev/null)
  printf '%s\n' "$said"
  return 1
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
