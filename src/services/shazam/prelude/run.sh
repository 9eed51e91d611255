mark() { printf '\n\036%s %s\n' "$nonce" "$*"; }

note_made() { grep -qxF -e "$1" "$MADE" 2>/dev/null || printf '%s\n' "$1" >>"$MADE"; }
forget_made() {
  [ -f "$MADE" ] || return 0
  grep -vxF -e "$1" "$MADE" >"$MADE.new" || :
  mv -fT "$MADE.new" "$MADE"
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
  for handler in $3; do printf '%s\n' "$handler" >>"$PENDING"; done
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
  printf %s "$left" >"$PENDING"
  mark done
}
