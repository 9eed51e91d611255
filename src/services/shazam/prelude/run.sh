mark() { printf '\n\036%s %s\n' "$nonce" "$*"; }

# What is noted is kept in a variable too: a process for each resource would cost more than the resource.
made=
note_made() {
  [ -n "$made" ] || made="
$(LC_ALL=C cat "$MADE" 2>/dev/null || :)
"
  case $made in *"
$1
"*) return ;; esac
  printf '%s\n' "$1" >>"$MADE" || return
  made="$made$1
"
}
forget_made() {
  [ -f "$MADE" ] || return 0
  grep -vxF -e "$1" "$MADE" >"$MADE.new"
  # 1: nothing is left in it. More: it could not be written, and what is noted stays.
  [ $? -lt 2 ] && mv -fT "$MADE.new" "$MADE" || rm -f "$MADE.new"
  made=
}

# One job, in a shell of its own that ends at its first failure. What takes its time, and all that it starts, holds a
# lock of its own, which outlives us: whoever comes next waits for it. Once the job has ended, what it leaves running
# may stay.
act() {
  mark start "$1"
  token=$secret-$1
  if ! begin_acting "$1"; then
    code=1
    echo "$(say_disk /run/devops || echo cannot write to /run/devops)"
    return
  fi
  (
    set -e
    "action_$1"
  ) </dev/null 2>&1 8>&-
  code=$?
  [ -z "$acting" ] || { exec 7>&-; true >"$ACTS/now"; }
  case $code in 0 | 77) ;; *) say_disk /var/lib/devops || : ;; esac
}
ACTS=/run/devops/acts
begin_acting() {
  acting=
  case " $slow " in *" $1 "*) ;; *) return 0 ;; esac
  [ -d "$ACTS" ] || mkdir -p -m 0700 "$ACTS" || return
  { command exec 7>"$ACTS/$token"; } 2>/dev/null || return
  acting=yes
  flock -n 7 && { echo "$token"; title "$1"; } 2>/dev/null >"$ACTS/now"
}

# say_disk FOLDER: in words, when it cannot be written.
say_disk() {
  case $(disk "$1") in
  full) echo "the disk of this node is full ($1)" ;;
  inodes) echo "the disk of this node has no inodes left ($1)" ;;
  readonly) echo "the disk of this node is read-only ($1)" ;;
  *) return 1 ;;
  esac
}

# unwritten ACTION: what must be known before it is done could not be written down, so it is not done.
unwritten() {
  mark start "$1"
  say_disk /var/lib/devops || say_disk /run/devops || echo 'cannot write to /var/lib/devops'
  failed="$failed$1 "
  mark end "$1" 1
}

failed=' '
changed=' '
notified=' '
handled=' '
broken=
left=
# run ACTION DEPENDENCIES HANDLERS MADE CUTS: what must hold even if we die here is written down before it is done.
run() {
  code=1
  for need in $2; do
    case $failed in *" $need "*) failed="$failed$1 " && mark skip "$1" "$need" && return ;; esac
  done
  undo=
  [ -z "$3$5" ] || undo=$undo_root/$1
  write_down "$@" 2>/dev/null || { unwritten "$1"; return; }
  act "$1"
  case $code in
  0) notified="$notified$3 " changed="$changed$1 " ;;
  77) ;;
  *) failed="$failed$1 " ;;
  esac
  mark end "$1" $code
}

write_down() {
  [ -z "$4" ] || note_made "$4" || return
  for handler in $3; do printf '%s\n' "$handler" >>"$PENDING" || return; done
  [ -n "$5" ] || return 0
  [ -z "$unguarded" ] && mkdir -p -m 0700 -- "$undo"
}

# able ACTIONS: none of them has failed.
able() {
  for need in $1; do
    case $failed in *" $need "*) return 1 ;; esac
  done
}

# Several packages at once: a failure here is no failure, for each is tried by itself afterwards.
bulk() {
  undo=
  act "$1"
  mark end "$1" $code
}

# handle ACTION HANDLER OTHERS SOURCES: not when one of the others does more, or did the same. When it fails, the
# sources get back what they had, and it is tried with that.
handle() {
  case $notified in *" $2 "*) ;; *) return ;; esac
  for other in $3; do case $notified in *" $other "*) return ;; esac; done
  undo=
  act "$1"
  mark end "$1" $code
  if [ $code = 0 ]; then
    handled="$handled$1 "
    eval "sources_$1=\$4"
    return
  fi
  broken="$broken $2"
  back=
  for source in $4; do
    case $changed in *" $source "*) ;; *) continue ;; esac
    token=$secret-$source
    give_back "$undo_root/$source" || continue
    back="$back $source"
    failed="$failed$source "
    mark back "$source" "$1"
  done
  if [ -n "$back" ]; then
    retrying=yes
    act "$1"
    mark restored "$1" $code
    again_others "$back"
    retrying=
  fi
  [ $code = 0 ] || left="$left$2
"
}

# again_others SOURCES: handlers that have taken what is given back now.
again_others() {
  for done in $handled; do
    eval "from=\$sources_$done"
    for source in $1; do
      case " $from " in *" $source "*) act "$done" && mark restored "$done" $code && break ;; esac
    done
  done
}

# Handlers up to here have run: from here on others may be notified anew.
flushed() {
  [ -z "$broken" ] || { echo "failed:$broken"; return 1; }
  return 77
}

enter() {
  export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  umask 022
  cd /
  [ -d /run/devops ] || mkdir -p -m 0700 /run/devops
  [ -d /var/lib/devops ] || mkdir -p -m 0755 /var/lib/devops
  { command exec 8>/run/devops/lock; } 2>/dev/null || no_room /run/devops
  if ! LC_ALL=C flock -n 8; then
    at_work
    mark wait "$present"
    flock -w 1800 8
    mark again
    exit 0
  fi
  # The shell of a former apply is gone. What it had begun may go on.
  if at_work && ! LC_ALL=C flock -n "$ACTS/$last" true; then
    mark left "$present"
    flock -w 1800 "$ACTS/$last" true
    mark again
    exit 0
  fi
  { printf %4096s '' >/run/devops/began && true >/run/devops/began; } 2>/dev/null || no_room /run/devops
  { printf %4096s '' >/var/lib/devops/room && true >/var/lib/devops/room; } 2>/dev/null || no_room /var/lib/devops
  [ ! -e /run/devops/undo ] && [ ! -e "$ACTS" ] || rm -rf /run/devops/undo "$ACTS"
  [ ! -e "$GUARD" ] || settle_guard
  wait_for_cloud_init
  mark begin
}

no_room() {
  mark disk "$(say_disk "$1" || echo "cannot write to $1")"
  exit 0
}

# What an apply is doing: its number in `last`, its name in `present`. Fails when there is nothing.
at_work() {
  last= present=
  { read -r last && read -r present; } 2>/dev/null <"$ACTS/now"
  [ -n "$last" ] && [ -e "$ACTS/$last" ]
}

# A server that was just made is still being set up: what it installs and writes would come in our way.
wait_for_cloud_init() {
  waited=0
  while [ -d /run/cloud-init ] && [ ! -e /run/cloud-init/result.json ] && [ ! -e /run/cloud-init/disabled ] && [ $waited -lt 600 ]; do
    [ $waited != 0 ] || mark cloud-init
    sleep 1
    waited=$((waited + 1))
  done
}

# What a former apply left armed: we are here, so it did not cut the link; or it did, and was undone.
settle_guard() {
  while [ "$(confirm_change)" = wait ]; do sleep 1; done
}

# leave [more]: what follows at once runs the handlers that are owed.
leave() {
  if [ -n "${1-}" ]; then :
  elif [ -z "$left" ]; then true >"$PENDING"
  # Where it cannot be written, more handlers than these are still noted there.
  elif printf %s "$left" >"$PENDING.new"; then mv -fT "$PENDING.new" "$PENDING"; fi
  [ ! -e /run/devops/undo ] && [ ! -e "$ACTS" ] || rm -rf /run/devops/undo "$ACTS"
  sync_folders
  mark done
}
