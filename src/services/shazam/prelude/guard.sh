GUARD=/var/lib/devops/guard
undo_root=/run/devops/undo
GUARD_UNIT=/etc/systemd/system/devops-guard.service

# remember PATH: how it was before this apply. Kept until the handlers have run, or somebody has come back to the node.
remember() {
  [ -n "$undo" ] || return 0
  mkdir -p -m 0700 -- "$undo"
  n=0
  while [ -e "$undo/$n.path" ]; do n=$((n + 1)); done
  printf %s "$1" >"$undo/$n.path"
  [ ! -e "$1" ] && [ ! -L "$1" ] || cp -a -- "$1" "$undo/$n.old"
}
undo=

# give_back FOLDER: what was remembered there, the last first. Fails when there is nothing.
give_back() {
  [ -e "$1/0.path" ] || return 1
  for record in $(cd -- "$1" && ls -- *.path | sort -rn); do
    path=$(cat -- "$1/$record")
    old=$1/${record%.path}.old
    if [ -e "$old" ] || [ -L "$old" ]; then
      new=$(dirname -- "$path")/.devops-$token
      rm -rf -- "$new"
      cp -a -- "$old" "$new" && place "$new" "$path"
    else
      rm -f -- "$path"
    fi
  done
}

# arm SECONDS: the script on its input undoes what follows, unless somebody comes back in time and says that all is well.
# Without it nothing is done that may cut the link.
unguarded=
arm() {
  disarm
  if ! write_guard "$1" 2>/dev/null; then
    disarm
    unguarded=yes
    return
  fi
  if [ -d /run/systemd/system ] && systemd-run --quiet --collect --unit="devops-guard-$secret" sh "$GUARD/undo.sh" $$ "$1" 2>/dev/null; then :; else
    setsid sh "$GUARD/undo.sh" $$ "$1" </dev/null >/dev/null 2>&1 8>&- &
  fi
  mark armed "$1"
}

write_guard() {
  mkdir -p -m 0700 "$GUARD" && base64 -d | gzip -dc >"$GUARD/undo.sh" && printf %s "$secret" >"$GUARD/armed" || return
  [ ! -d /run/systemd/system ] || arm_for_boot "$1" || return
  sync "$GUARD"
}

# arm_for_boot SECONDS: the undo outlives the node's going down in the middle; what had begun of it is begun again.
arm_for_boot() {
  cat >"$GUARD_UNIT" <<UNIT || return
[Unit]
Description=Takes back a change of devo.ps that nobody has confirmed
ConditionPathExists=|$GUARD/armed
ConditionPathExists=|$GUARD/firing
[Service]
ExecStartPre=-/bin/mv $GUARD/firing $GUARD/armed
ExecStart=/bin/sh $GUARD/undo.sh none $1
UNIT
  mkdir -p "${GUARD_UNIT%/*}/multi-user.target.wants"
  ln -sfT -- "$GUARD_UNIT" "${GUARD_UNIT%/*}/multi-user.target.wants/${GUARD_UNIT##*/}"
}

disarm() {
  rm -f -- "$GUARD_UNIT" "${GUARD_UNIT%/*}/multi-user.target.wants/${GUARD_UNIT##*/}"
  rm -rf -- "$GUARD"
}

# By this apply, and not by a later one.
armed() { [ "$(cat -- "$GUARD/armed" 2>/dev/null)" = "$secret" ]; }

# wait_for_us PID SECONDS: the apply (`none` after a boot) may take its time, and then we may. Half an hour is too long for either.
wait_for_us() {
  export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  cd /
  waited=0
  while armed && kill -0 "$1" && [ $waited -lt 1800 ] && [ ! -e "$GUARD/now" ]; do sleep 1; waited=$((waited + 1)); done
  waited=0
  while armed && [ ! -e "$GUARD/now" ] && [ $waited -lt "$2" ]; do sleep 1; waited=$((waited + 1)); done
  armed && mv -- "$GUARD/armed" "$GUARD/firing" || exit 0
}

# taken_back ACTION: only what was begun.
taken_back() {
  [ -d "$GUARD/$1" ] || return 0
  (undo_"$1") || :
  give_back "$GUARD/$1" || :
}

tell_undone() { mv -- "$GUARD/firing" "$GUARD/undone"; }

# Of somebody who has come back by a new link.
confirm_change() {
  if mv -- "$GUARD/armed" "$GUARD/confirmed" 2>/dev/null; then
    disarm
    echo confirmed
  else
    await_undo
  fi
}
hurry_undo() { [ ! -e "$GUARD/armed" ] || : >"$GUARD/now"; }
await_undo() {
  if [ -e "$GUARD/undone" ]; then
    disarm
    echo undone
  elif [ -e "$GUARD/armed" ] || [ -e "$GUARD/firing" ]; then
    echo wait
  else
    echo confirmed
  fi
}
