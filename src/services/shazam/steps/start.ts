import { quote } from '../quote.ts'
import { follow, prelude, type StepId } from './shell.ts'

/** Exit codes of `startText`. */
export const started = { exists: 75, unknownUser: 76 }

export interface StepText {
  script: string
  /** Assignments for its environment, as shell text. */
  env: string
  user: string
}

/**
 * Starts a step and follows it: a program for `sh` on its input, for what it holds is nobody else's to read. It is one
 * function that is called in the last line: of a text that did not arrive whole nothing is run. The folder is the claim:
 * whoever makes it starts the step, nobody else ever does; it is on disk before anything of the step happens. When one
 * write of the preparation fails, nothing is started, and the answer is `refused`, what the disk says, and the words.
 */
export const startText = (id: StepId, { script, env, user }: StepText, end: string): string => `main() {
${prelude(id)}
user=${quote(user)}
while IFS=: read -r entry _ _ gid _ home _; do [ "$entry" = "$user" ] && break; done </etc/passwd
[ "$entry" = "$user" ] || {
  entry=$(getent passwd "$user") || exit ${started.unknownUser}
  IFS=: read -r _ _ _ gid _ home _ <<entry
$entry
entry
}
refuse() {
  why=$(disk "$root" ${Buffer.byteLength(script) + Buffer.byteLength(env) + 65_536})
  decide never
  rm -f "$dir/script" "$dir/env" 2>/dev/null
  printf '${end}'
  echo "refused $why" \${1:-}
  exit
}
failed=$(claim 2>&1) || { [ -d "$dir" ] && exit ${started.exists}; refuse "$failed"; }
{ command exec 9>"$dir/lock"; } 2>/dev/null || refuse
flock 9 &
locked=$!
failed=$(prepare 2>&1) && wait "$locked" || refuse "$failed"
launch >/dev/null 2>&1 &
exec 9>&-
${follow({ out: 0, err: 0 }, end)}
}
prepare() {
  boot >"$dir/boot" && printf %s ${quote(script)} >"$dir/script" && printf %s ${quote(env)} >"$dir/env" &&
    true >"$dir/outputs" >"$dir/out" >"$dir/err" &&
    printf '%-15s\\n' '' >"$dir/status" && printf '%-15s\\n' '' >"$dir/leader" || return
  sync "$root" "$dir" &
  synced=$!
  chmod 0700 "$dir/script" &
  runnable=$!
  chown "$user" "$dir/script" "$dir/env" "$dir/outputs" && wait "$synced" && wait "$runnable"
}
launch() {
  set -- sh -c ${quote(supervise(env !== ''))} sh "$dir" "$user" "$gid" "$home" "$spare"
  if [ -d /run/systemd/system ]; then
    setsid systemd-run --scope --quiet --collect --unit="$unit" --description="A step of devo.ps" $(keep_going) -- "$@"
    decided && return
    # Nothing is started on a node that goes down: it would die with it.
    ! goes_down || { decide down; return; }
  fi
  setsid "$@"
}
keep_going() {
  # From 253 on systemd ends a whole scope when one process of it runs out of memory, unless it is told not to.
  for entry in /usr/lib/systemd/libsystemd-shared-*.so /usr/lib/*/systemd/libsystemd-shared-*.so; do
    entry=\${entry##*-shared-}
    entry=\${entry%%[!0-9]*}
    [ "\${entry:-0}" -lt 253 ] || echo --property=OOMPolicy=continue
  done
}
main </dev/null
`

/**
 * As the step's user, as if that user had logged in. The lock is inherited, so that it outlives a supervisor that is
 * killed while the step goes on; at the end the supervisor lets it go for all: what the step leaves running is its own.
 */
const supervise = (hasEnv: boolean): string => `umask 022
set -C
echo "$$" >"$1/begun" || exit
set +C
cd "\${4:-/}" 2>/dev/null || cd /
setsid setpriv --reuid="$2" --regid="$3" --init-groups \\
  env -i HOME="$4" USER="$2" LOGNAME="$2" SHELL=/bin/sh LANG="\${LANG:-C.UTF-8}" \\
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEVOPS_OUTPUT="$1/outputs" \\
  ${hasEnv ? `sh -c '. "$0/env" && exec "$0/script"' "$1"` : '"$1/script"'} </dev/null >>"$1/out" 2>>"$1/err" &
child=$!
echo "$child" 1<>"$1/leader"
wait "$child"
code=$?
echo "$code" 1<>"$1/status" || { mkdir -p -m 0700 /run/devops; echo "$code" >"$5.status"; }
exec flock -u 9
`
