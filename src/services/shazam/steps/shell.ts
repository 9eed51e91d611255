import { quote } from '../quote.ts'

/**
 * What runs a step on its node. All state of an attempt is one folder there, so that neither a cut link nor the death of
 * the platform can lose its outcome or start it twice:
 *
 *   script   what is run                      boot     which start of the node it was started in
 *   out err  what it printed                  pid      leader of its process group
 *   env      assignments of its environment   outputs  what it writes for later steps
 *   lock     held while it is supervised      stopped  somebody stopped it
 *   status   its exit code                    recorded its outcome was told: what is left is a tombstone
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

export const prelude = (id: StepId): string => `set -u
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
  [ -d "$root" ] || { mkdir -p /var/lib/devops && chmod a+x /var/lib/devops; mkdir -m 0711 "$root" 2>/dev/null; }
  [ -d "$root" ] || exit 70
  mkdir -m 0711 "$dir" 2>/dev/null
}
look() {
  [ -d "$dir" ] || { echo absent; return; }
  # A status is one short write; one that is empty is not there yet, or was lost with the power.
  if [ -s "$dir/status" ]; then
    [ -e "$dir/stopped" ] && end=stopped || end=ended
    read -r status <"$dir/status"
    end="$end $status"
  elif [ -e "$dir/lock" ] && ! flock -n -s "$dir/lock" true; then end=alive
  elif [ -s "$dir/status" ]; then end=again
  elif [ -e "$dir/boot" ] && [ "$(cat "$dir/boot")" = "$(boot)" ]; then end=killed
  elif [ -e "$dir/boot" ]; then end=rebooted
  else end=never
  fi
  set -- $(stat -c %s "$dir/out" "$dir/err" "$dir/outputs" 2>/dev/null || echo 0 0 0)
  echo "$end $1 $2 $3"
}
`

/** Seconds between two looks of `tail` for more, where the file system does not tell: soon after the start, and later. */
const PACE = { early: 0.002, late: 0.02 }

/** From where descriptors 3 and 4 stand to stdout and stderr, until a process is gone. */
const tails = (pace: number, watch: string): string => `${watch} &
watch=$!
tail -c +1 -s ${pace} --pid="$watch" -f <&3 &
one=$!
tail -c +1 -s ${pace} --pid="$watch" -f <&4 >&2 &
wait "$one" "$!"
`

/**
 * What a step prints, from a byte on, until nobody supervises it any more, which is when its lock is let go; then `end`
 * and what is known of the step. The first half second is looked at closely: most steps end in it.
 */
export const follow = (from: Sizes, end: string): string => `
exec 3<"$dir/out" 4<"$dir/err"
${from.out + from.err > 0 ? `tail -c +${from.out + 1} <&3 & tail -c +${from.err + 1} <&4 >&2 & wait` : ''}
${tails(PACE.early, 'flock -s -w 0.5 "$dir/lock" true')}
flock -n -s "$dir/lock" true || {
${tails(PACE.late, 'flock -s "$dir/lock" true')}
}
printf '${end}'
look
`

export const followText = (id: StepId, from: Sizes, end: string): string => prelude(id) + follow(from, end)

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
look
`

/**
 * Ends the process group of a step. One that was not started yet is claimed here, so that it never will be.
 * Prints `stopped`, or `ended` when there was nothing left to stop.
 */
export const stopText = (id: StepId): string => `${prelude(id)}
if claim; then
  sync "$root" "$dir"
  : >"$dir/stopped"
  echo 143 >"$dir/status"
  echo stopped
  exit
fi
[ -s "$dir/status" ] && { echo ended; exit; }
flock -n -s "$dir/lock" true && { echo ended; exit; }
: >"$dir/stopped"
for i in 1 2 3 4 5 6 7 8 9 10; do [ -s "$dir/pid" ] && break; sleep 0.1; done
read -r group <"$dir/pid"
kill -TERM "-$group"
flock -s -w 5 "$dir/lock" true || kill -KILL "-$group"
flock -s -w 5 "$dir/lock" true || exit 1
echo stopped
`

/** The outcomes are told. The folders stay as tombstones: a job that comes once more finds that it ran. */
export const recordedText = (steps: readonly StepId[]): string => `cd ${ROOT} || exit
set --
for name in ${quote(steps.map(nameOf))}; do
  [ -d "$name" ] || continue
  : >"$name/recorded"
  set -- "$@" "$name/script" "$name/env" "$name/outputs" "$name/out" "$name/err"
done
rm -f "$@"
find . -mindepth 1 -maxdepth 1 -type d \\( -mtime +${KEEP.any} -o -mmin +${KEEP.recorded * 1440} -exec test -e '{}/recorded' \\; \\) \\
  -exec rm -rf '{}' + 2>/dev/null
exit 0
`
