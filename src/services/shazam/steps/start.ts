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
 * whoever makes it starts the step, nobody else ever does; it is on disk before anything of the step happens.
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
claim || exit ${started.exists}
exec 9>"$dir/lock"
printf %s ${quote(script)} >"$dir/script"
printf %s ${quote(env)} >"$dir/env"
: >"$dir/outputs" >"$dir/out" >"$dir/err"
boot >"$dir/boot"
sync "$root" "$dir" &
synced=$!
flock 9 &
locked=$!
chmod 0700 "$dir/script" &
runnable=$!
chown "$user" "$dir/script" "$dir/env" "$dir/outputs" && wait "$synced" && wait "$locked" && wait "$runnable" || exit 70
setsid sh -c ${quote(supervise(env !== ''))} sh "$dir" "$user" "$gid" "$home" >/dev/null 2>&1 &
exec 9>&-
${follow({ out: 0, err: 0 }, end)}
}
main </dev/null
`

/** As the step's user, as if that user had logged in. The lock is not inherited: what the step leaves running is its own. */
const supervise = (hasEnv: boolean): string => `umask 022
cd "\${4:-/}" 2>/dev/null || cd /
setsid setpriv --reuid="$2" --regid="$3" --init-groups \\
  env -i HOME="$4" USER="$2" LOGNAME="$2" SHELL=/bin/sh LANG="\${LANG:-C.UTF-8}" \\
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEVOPS_OUTPUT="$1/outputs" \\
  ${hasEnv ? `sh -c '. "$0/env" && exec "$0/script"' "$1"` : '"$1/script"'} 9>&- </dev/null >>"$1/out" 2>>"$1/err" &
child=$!
echo "$child" >"$1/pid"
wait "$child"
echo "$?" >"$1/status"
`
