# Functions of every shell text about a step, in plain POSIX sh. `root`, `name`, `dir`, `spare` and `unit` are set.

boot() {
  read -r id </proc/sys/kernel/random/boot_id
  read -r init </proc/1/stat
  set -- ${init##*) }
  shift 19
  echo "$id $1"
}

# Whoever makes the folder starts the step.
claim() {
  [ -d "$root" ] || { mkdir -p /var/lib/devops && chmod a+x /var/lib/devops && mkdir -m 0711 "$root" 2>/dev/null; }
  mkdir -m 0711 "$dir"
}

# decide WHO: one name that only the first can make. The supervisor runs the step only when it was the first.
decide() { (set -C; echo "$1" >"$dir/begun") 2>/dev/null; }
decided() { [ -e "$dir/begun" ] || [ -e "$dir/pid" ]; }

# note FILE TEXT: in place where the file has its room already, beside the disk where the disk takes nothing.
note() {
  { printf '%s\n' "$2" 1<>"$dir/$1"; } 2>/dev/null && return
  mkdir -p -m 0700 /run/devops && printf '%s\n' "$2" >"$spare.$1"
}
# noted FILE: whether there is something, in `is`.
noted() {
  is=
  [ ! -e "$dir/$1" ] || read -r is <"$dir/$1"
  [ -n "$is" ] || [ ! -e "$spare.$1" ] || read -r is <"$spare.$1"
  [ -n "$is" ]
}

look() {
  [ -d "$dir" ] || { echo absent; return; }
  # While somebody ends the step, nothing is said that would free the node too early.
  [ ! -e "$spare.stop" ] || flock -s -w 30 "$spare.stop" true
  if noted status; then
    end="ended $is"
    [ ! -e "$dir/stopped" ] && [ ! -e "$spare.stopped" ] || end="stopped $is"
  elif [ -e "$dir/lock" ] && ! flock -n -s "$dir/lock" true; then end=alive
  elif noted status; then end=again
  elif ! decided && { decide "$(unbegun)"; ! decided; }; then end="never $(disk "$root")"
  elif noted begun && [ "$is" = down ]; then
    discard
    return
  elif noted begun && [ "$is" != never ] || [ -e "$dir/pid" ]; then
    # The supervisor is gone. What it started may not be.
    if [ -n "$(ours)" ]; then
      sleep 1
      end=alive
    elif [ ! -e "$dir/boot" ] || restarted; then end=rebooted
    elif goes_down; then end=leaving
    else end=killed
    fi
  else end="never $(disk "$root")"
  fi
  room=1
  [ -e "$dir/recorded" ] || { printf x >"$dir/room"; } 2>/dev/null || room=0
  set -- $(stat -c %s "$dir/out" "$dir/err" "$dir/outputs" 2>/dev/null || echo 0 0 0)
  noted left || is=
  echo "$end $1 $2 $3 $room $is"
}

# restarted: whether the node was started after the step was prepared.
restarted() { [ -s "$dir/boot" ] && [ "$(cat "$dir/boot")" != "$(boot)" ]; }

# goes_down: whether the node is on its way down. At the very end of it systemd has made way for what unmounts, and no
# longer answers. A node that has not started to the end says so, even while it goes down.
goes_down() {
  [ -d /run/systemd/system ] || return
  case $(systemctl is-system-running 2>/dev/null) in
  running | degraded | maintenance) return 1 ;;
  initializing | starting)
    case $(systemctl show --property=Job shutdown.target 2>/dev/null) in
    Job=[1-9]*) ;;
    *) return 1 ;;
    esac
    ;;
  esac
}

# unbegun: what is decided of a step that did not begin. `down` is no fault of the step: it may be started again.
unbegun() {
  if restarted || goes_down; then echo down; else echo never; fi
}

# discard: removes what was prepared for a step that did not begin because the node went down, so that it can be claimed
# again. Only one at a time does this, or stops the step: a second must not take what was claimed after the first.
discard() {
  mkdir -p -m 0700 /run/devops
  exec 7>"$spare.stop"
  flock 7
  if noted status || ! noted begun || [ "$is" != down ]; then
    exec 7>&-
    look
  elif rm -rf "$dir.down" && mv "$dir" "$dir.down"; then
    rm -rf "$dir.down"
    exec 7>&-
    echo down
  else
    exec 7>&-
    echo "never $(disk "$root")"
  fi
}

# ours: the processes of the step, also those that left its group: by the scope of systemd, by a mark in their
# environment, by the lock that they inherit, and as children of these.
ours() {
  noted begun || :
  supervisor=$is
  found=' '
  for entry in $(grep -lsF "$unit" /proc/[0-9]*/cgroup; grep -lszxF "DEVOPS_OUTPUT=$dir/outputs" /proc/[0-9]*/environ
    find /proc/[0-9]*/fd -lname "$dir/lock" 2>/dev/null); do
    entry=${entry#/proc/}
    add "${entry%%/*}"
  done
  grown=yes
  while [ -n "$grown" ]; do
    grown=
    for entry in /proc/[0-9]*/stat; do
      { read -r line <"$entry"; } 2>/dev/null || continue
      set -- ${line##*) }
      case $found in *" $2 "*) add "${line%% *}" ;; esac
    done
  done
  echo $found
}
# add PID: not the supervisor, which tells the end, and nobody who only waits for the lock.
add() {
  case " $supervisor $$$found" in *" $1 "*) return ;; esac
  { read -r comm <"/proc/$1/comm"; } 2>/dev/null || return 0
  [ "$comm" != flock ] || return 0
  found="$found$1 "
  grown=yes
}

uptime_s() {
  read -r up _ </proc/uptime
  echo "${up%.*}"
}

# finish: TERM to all that the step started, KILL after 5 s. Says by number and name what cannot be ended.
finish() {
  for i in 1 2 3 4 5 6 7 8 9 10; do noted leader && break; sleep 0.1; done
  for signal in TERM KILL; do
    [ -z "$is" ] || kill "-$signal" "-$is" 2>/dev/null
    i=0
    deadline=$(($(uptime_s) + 5))
    # Where many processes are, one look takes its time.
    while [ $i -lt 5 ] || [ "$(uptime_s)" -lt "$deadline" ]; do
      left=$(ours)
      [ -n "$left" ] || return 0
      # KILL also for what came in the meantime.
      [ $i != 0 ] && [ $signal = TERM ] || kill -$signal $left 2>/dev/null
      i=$((i + 1))
      sleep 0.1
    done
  done
  for entry in $left; do
    { read -r comm <"/proc/$entry/comm"; } 2>/dev/null && echo "$entry ($comm)"
  done
}
