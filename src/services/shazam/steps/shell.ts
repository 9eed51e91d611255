import { quote } from '../quote.ts'

/**
 * What runs a step on its node. All state of an attempt is one folder there, so that neither a cut link nor the death of
 * the platform can lose its outcome or start it twice:
 *
 *   script   what is run                      boot     which start of the node it was started in
 *   out err  what it printed                  pid      leader of its process group
 *   env      assignments of its environment   outputs  what it writes for later steps
 *   lock     held while it is supervised      stopped  somebody stopped it
 *   status   its exit code, written whole     recorded its outcome was told: what is left is a tombstone
 */
const ROOT = '/var/lib/devops/runs'

/** Days after which the remains of an attempt are removed: told ones, and any. */
const KEEP = { recorded: 1, any: 14 }

export interface StepId {
  run: string
  step: number
  attempt: number
}

const nameOf = ({ run, step, attempt }: StepId) => `${run}-${step}-${attempt}`

const prelude = (id: StepId) => `set -u
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
root=${ROOT}
name=${quote(nameOf(id))}
dir="$root/$name"
boot() {
  read -r id </proc/sys/kernel/random/boot_id
  read -r init </proc/1/stat
  set -- \${init##*) }
  shift 19
  echo "$id $1"
}
claim() {
  mkdir -p "$root" && chmod a+x /var/lib/devops "$root" || exit 70
  mkdir "$dir" 2>/dev/null || return 1
  chmod 0711 "$dir" && sync "$root" "$dir"
}
`

/** As the step's user, as if that user had logged in. The lock is not inherited: what the step leaves running is its own. */
const supervise = `umask 022
user=$2
home=$(getent passwd "$user" | cut -d: -f6)
cd "\${home:-/}" 2>/dev/null || cd /
setsid setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups \\
  env -i HOME="$home" USER="$user" LOGNAME="$user" SHELL=/bin/sh LANG="\${LANG:-C.UTF-8}" \\
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEVOPS_OUTPUT="$1/outputs" \\
  sh -c '. "$0/env" && exec "$0/script"' "$1" 9>&- </dev/null >>"$1/out" 2>>"$1/err" &
child=$!
echo "$child" >"$1/pid"
wait "$child"
code=$?
echo "$code" >"$1/status.new"
sync "$1/status.new"
mv "$1/status.new" "$1/status"
sync "$1"
`

/** `$1/out` and `$1/err` from a byte on, to stdout and stderr, until the supervisor lets go of the lock. */
const follow = (out: number, err: number) => `
flock -s "$dir/lock" true &
watch=$!
tail -c +${out + 1} -s 0.02 --pid="$watch" -f "$dir/out" &
tail -c +${err + 1} -s 0.02 --pid="$watch" -f "$dir/err" >&2 &
wait
`

/** Exit codes of `startText`. */
export const started = { exists: 75, unknownUser: 76, cutInput: 77 }

/**
 * Starts a step whose script comes on the input, and follows it. The folder is the claim: whoever makes it starts the
 * step, nobody else ever does. What did not arrive whole is not run. `bytes`: of the input, of which `env` are
 * assignments for its environment, and the rest is the script.
 */
export const startText = (
  id: StepId,
  user: string,
  { bytes, env }: { bytes: number; env: number },
): string => `${prelude(id)}
id ${quote(user)} >/dev/null 2>&1 || exit ${started.unknownUser}
script=$(mktemp) && cat >"$script" && [ "$(wc -c <"$script")" -eq ${bytes} ] || { rm -f "$script"; exit ${started.cutInput}; }
claim || { rm -f "$script"; exit ${started.exists}; }
exec 9>"$dir/lock"
flock 9
${env > 0 ? `head -c ${env} "$script" >"$dir/env" && tail -c +${env + 1} "$script" >"$dir/script" && rm -f "$script"` : ': >"$dir/env"; mv "$script" "$dir/script"'}
: >"$dir/outputs"
chmod 0700 "$dir/script" && chown ${quote(user)} "$dir/script" "$dir/env" "$dir/outputs"
: >"$dir/out"
: >"$dir/err"
boot >"$dir/boot"
setsid sh -c ${quote(supervise)} sh "$dir" ${quote(user)} </dev/null >/dev/null 2>&1 &
exec 9>&-
${follow(0, 0)}`

export const followText = (id: StepId, out: number, err: number): string => prelude(id) + follow(out, err)

/** What was printed and not yet seen, up to a size. */
export const restText = (id: StepId, from: Sizes, to: Sizes): string => `${prelude(id)}
tail -c +${from.out + 1} "$dir/out" | head -c ${to.out - from.out}
tail -c +${from.err + 1} "$dir/err" | head -c ${to.err - from.err} >&2
`

export interface Sizes {
  out: number
  err: number
}

export const outputsText = (id: StepId, most: number): string => `${prelude(id)}
head -c ${most} "$dir/outputs"
`

/** One line: what is there of a step. */
export const lookText = (id: StepId): string => `${prelude(id)}
size() { stat -c %s "$dir/$1" 2>/dev/null || echo 0; }
sizes() { printf '%s %s %s' "$(size out)" "$(size err)" "$(size outputs)"; }
if ! [ -d "$dir" ]; then echo absent
elif [ -e "$dir/status" ]; then
  [ -e "$dir/stopped" ] && end=stopped || end=ended
  echo "$end $(cat "$dir/status") $(sizes)"
elif [ -e "$dir/lock" ] && ! flock -n -s "$dir/lock" true; then echo "alive $(sizes)"
elif [ -e "$dir/status" ]; then echo again
elif [ -e "$dir/boot" ] && [ "$(cat "$dir/boot")" = "$(boot)" ]; then echo "killed $(sizes)"
elif [ -e "$dir/boot" ]; then echo "rebooted $(sizes)"
else echo "never $(sizes)"
fi
`

/**
 * Ends the process group of a step. One that was not started yet is claimed here, so that it never will be.
 * Prints `stopped`, or `ended` when there was nothing left to stop.
 */
export const stopText = (id: StepId): string => `${prelude(id)}
if claim; then
  : >"$dir/stopped"
  echo 143 >"$dir/status"
  echo stopped
  exit
fi
[ -e "$dir/status" ] && { echo ended; exit; }
flock -n -s "$dir/lock" true && { echo ended; exit; }
: >"$dir/stopped"
for i in 1 2 3 4 5 6 7 8 9 10; do [ -s "$dir/pid" ] && break; sleep 0.1; done
read -r group <"$dir/pid"
kill -TERM "-$group"
flock -s -w 5 "$dir/lock" true || kill -KILL "-$group"
flock -s -w 5 "$dir/lock" true || exit 1
echo stopped
`

/** The outcome is told. The folder stays as a tombstone: a job that comes once more finds that it ran. */
export const recordedText = (id: StepId): string => `${prelude(id)}
[ -d "$dir" ] || exit 0
: >"$dir/recorded"
rm -f "$dir/script" "$dir/env" "$dir/outputs" "$dir/out" "$dir/err"
find "$root" -mindepth 1 -maxdepth 1 -type d \\( -mtime +${KEEP.any} -o -mmin +${KEEP.recorded * 1440} -exec test -e '{}/recorded' \\; \\) \\
  -exec rm -rf '{}' + 2>/dev/null
exit 0
`
