import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { quote } from '../quote.ts'

/**
 * What runs a step on its node. All state of an attempt is one folder there, so that neither a cut link nor the death of
 * the platform can lose its outcome or start it twice:
 *
 *   script   what is run                      boot     which start of the node it was started in
 *   out err  what it printed                  leader   leader of its process group
 *   env      assignments of its environment   outputs  what it writes for later steps
 *   lock     held while it, or what is left of it, runs
 *   begun    whoever makes it first decides: its supervisor (by its number) that it runs, `never`, or `down`: not now,
 *            because the node goes down or went down
 *   stopped  somebody stopped it              left     what could not be stopped
 *   status   its exit code, in place of blanks that keep room for it on a full disk
 *   room     a look could write               recorded its outcome was told: what is left is a tombstone
 */
export const ROOT = '/var/lib/devops/runs'

/** Days after which the remains of an attempt are removed: told ones, and any. */
const KEEP = { recorded: 1, any: 14 }

export interface StepId {
  run: string
  step: number
  attempt: number
}

const nameOf = ({ run, step, attempt }: StepId) => `${run}-${step}-${attempt}`

const functions = ['../prelude/disk.sh', 'folder.sh']
  .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8').replace(/^ *#.*\n/gm, ''))
  .join('')

export const prelude = (id: StepId): string => `set -u
umask 077
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
root=${ROOT}
name=${quote(nameOf(id))}
dir="$root/$name"
spare="/run/devops/step-$name"
unit="devops-step-$name.scope"
${functions}`

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
 * What a step prints, from a byte on, until its lock is let go: then it has ended. `end` follows, and what is known of
 * the step. The first half second is looked at closely: most steps end in it.
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
 * Ends all that a step started. One that was not started yet is claimed here, so that it never will be.
 * Prints `stopped` and the processes that could not be ended, or `ended` when there was nothing to stop.
 */
export const stopText = (id: StepId): string => `${prelude(id)}
claim 2>/dev/null && sync "$root" "$dir"
[ -d "$dir" ] || { echo "its folder cannot be made, disk: $(disk "$root")" >&2; exit 1; }
mkdir -p -m 0700 /run/devops
exec 8>"$spare.stop"
flock 8
if noted status; then echo ended; exit; fi
if ! decided && decide never || { noted begun && [ "$is" = down ]; }; then
  note stopped yes
  note status 143
  echo stopped
  exit
fi
if flock -n -s "$dir/lock" true && [ -z "$(ours)" ]; then echo ended; exit; fi
note stopped yes
left=$(finish)
# The supervisor tells the exit code. One that was killed cannot.
[ -n "$left" ] || flock -s -w 5 "$dir/lock" true || exit 1
noted status || note status 143
[ -z "$left" ] || note left "$(echo $left)"
echo stopped $left
`

/** The outcomes are told. The folders stay as tombstones: a job that comes once more finds that it ran. */
export const recordedText = (steps: readonly StepId[]): string => `cd ${ROOT} || exit
set --
for name in ${quote(steps.map(nameOf))}; do
  rm -f "/run/devops/step-$name.stop"
  [ -d "$name" ] || continue
  true >"$name/recorded"
  set -- "$@" "$name/script" "$name/env" "$name/outputs" "$name/out" "$name/err" "$name/room"
done
rm -f "$@"
find . -mindepth 1 -maxdepth 1 -type d \\( -mtime +${KEEP.any} -o -mmin +${KEEP.recorded * 1440} -exec test -e '{}/recorded' \\; \\) \\
  -exec rm -rf '{}' + 2>/dev/null
exit 0
`
