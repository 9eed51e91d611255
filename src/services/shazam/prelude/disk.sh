# disk FOLDER [BYTES]: what keeps the folder from being written: full, inodes, readonly, or none.
disk() {
  words=$(export LC_ALL=C; { mkdir -p "$1/.try-$$" && head -c "${2:-65536}" /dev/zero >"$1/.try-$$/it"; } 2>&1)
  rm -rf "$1/.try-$$" 2>/dev/null
  case $words in
  *'Read-only file system'*) echo readonly ;;
  *'No space left'* | *'quota exceeded'*)
    set -- $(df -P -i "$1" 2>/dev/null | tail -n 1)
    [ "${4:-}" = 0 ] && echo inodes || echo full
    ;;
  *) echo none ;;
  esac
}
