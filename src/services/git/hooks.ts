import type { Readable, Writable } from 'node:stream'
import type { NodePlan } from '#contracts/shazam.ts'
import type { Losses } from './consent.ts'
import { HookReader, tooLong } from './hook-reader.ts'
import { packetLine } from './packets.ts'

/**
 * The hooks hold no rule. They carry git's question to us over descriptor 3, as fields that end in NUL, and our answer
 * back over 4: "VERDICT BYTES" and so many bytes of text. Both are inherited from us through git, so only a process
 * that we started can speak. When we are gone, `read` fails and the push is refused.
 */
export const hookFiles = {
  'pre-receive': `#!/bin/sh
count=\${GIT_PUSH_OPTION_COUNT:-0}
{
  printf '%s\\0' pre-receive "$GIT_OBJECT_DIRECTORY" "$GIT_ALTERNATE_OBJECT_DIRECTORIES" "$count"
  i=0
  while [ "$i" -lt "$count" ]; do
    eval "printf '%s\\\\0' \\"\\$GIT_PUSH_OPTION_$i\\""
    i=$((i + 1))
  done
  cat
  printf '\\0'
} >&3
read -r verdict bytes <&4 || { echo 'devo.ps stopped before it could judge: push again'; exit 1; }
[ "$bytes" -eq 0 ] || head -c "$bytes" <&4
exit "$verdict"
`,
  // Takes the place of git's own updates, which are a process and two hooks for each ref (githooks(5), proc-receive).
  'proc-receive': `#!/bin/sh
printf 'proc-receive\\0' >&3
printf '000eversion=1\\n0000'
exec 5<&0
cat <&5 >&3 2>/dev/null &
read -r bytes <&4 || exit 1
head -c "$bytes" <&4
`,
}

export interface Update {
  ref: string
  /** Null: the ref is new. */
  before: string | null
  /** Null: it is to be deleted. */
  after: string | null
}

export interface PushQuestion {
  updates: Update[]
  /** What `git push -o` said. */
  options: string[]
  /** Makes a git process see the objects of the push, which are not in the repository yet. */
  quarantine: Record<string, string>
}

export interface Verdict {
  accepted: boolean
  lines: string[]
  /** Why it is refused, and what who asks through the API is told beside the lines. */
  refusal?: 'findings' | 'consent' | 'dry run' | 'moved' | 'other'
  findings?: string[]
  losses?: Losses
  plan?: NodePlan[]
}

export interface HookHandlers {
  judge(question: PushQuestion): Promise<Verdict>
  /** Moves what was accepted. Gives the reason for each ref that did not move: none when all did. */
  move(updates: readonly Update[]): Promise<ReadonlyMap<string, string>>
}

const QUESTION_LIMIT = 4 * 1024 * 1024
const ANSWER_LIMIT = 64 * 1024

/** Answers the hooks of one git process until it closes its end. */
export async function serveHooks(
  questions: Readable,
  answers: Writable,
  handlers: HookHandlers,
): Promise<void> {
  const reader = new HookReader(questions, QUESTION_LIMIT)
  for (let kind = await reader.field(); kind !== undefined; kind = await reader.field()) {
    if (kind === 'pre-receive') {
      const question = await readQuestion(reader)
      answers.write(encode(question ? await handlers.judge(question) : tooMany))
    } else if (kind === 'proc-receive') {
      const updates = (await readCommands(reader)).map(parseUpdate)
      answers.write(report(updates, await handlers.move(updates)))
    } else throw new Error('the hook asked what no hook of ours asks')
  }
}

const tooMany: Verdict = {
  accepted: false,
  lines: ['Refused: this push names too many refs. Push them in parts.'],
}

/** Undefined when it is longer than can be judged. */
async function readQuestion(reader: HookReader): Promise<PushQuestion | undefined> {
  const quarantine = {
    GIT_OBJECT_DIRECTORY: await reader.must(),
    GIT_ALTERNATE_OBJECT_DIRECTORIES: await reader.must(),
  }
  const options: string[] = []
  for (let left = Number(await reader.must()); left > 0; left--) options.push(await reader.must())
  const updates = await reader.mustOrTooLong()
  if (updates === tooLong) return undefined
  return { quarantine, options, updates: updates.split('\n').filter(Boolean).map(parseUpdate) }
}

/** What receive-pack says to proc-receive: its version, then the commands. */
async function readCommands(reader: HookReader): Promise<string[]> {
  while ((await reader.packet()) !== null);
  const lines: string[] = []
  for (let line = await reader.packet(); line !== null; line = await reader.packet()) lines.push(line)
  return lines
}

/** One line for each ref, as proc-receive answers. */
function report(updates: readonly Update[], reasons: ReadonlyMap<string, string>): Buffer {
  const lines = updates.map(({ ref }) => {
    const reason = reasons.get(ref)
    return packetLine(reason === undefined ? `ok ${ref}` : `ng ${ref} ${reason}`)
  })
  const text = Buffer.concat([...lines, packetLine(null)])
  return Buffer.concat([Buffer.from(`${text.length}\n`), text])
}

function parseUpdate(line: string): Update {
  const [before = '', after = '', ...ref] = line.split(' ')
  return { ref: ref.join(' '), before: orNull(before), after: orNull(after) }
}

const orNull = (id: string) => (/^0+$/.test(id) ? null : id)

function encode({ accepted, lines }: Verdict): Buffer {
  const text = clip(Buffer.from(lines.map((line) => `${line}\n`).join('')))
  return Buffer.concat([Buffer.from(`${accepted ? 0 : 1} ${text.length}\n`), text])
}

function clip(text: Buffer): Buffer {
  if (text.length <= ANSWER_LIMIT) return text
  const end = text.lastIndexOf('\n', ANSWER_LIMIT) + 1
  return Buffer.concat([text.subarray(0, end), Buffer.from('… and more than fits here\n')])
}
