import type { Readable, Writable } from 'node:stream'
import type { NodePlan } from '#contracts/shazam.ts'
import type { Losses } from './consent.ts'

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
  // Runs before git tells the client that its push is in: what was acknowledged has been announced.
  'reference-transaction': `#!/bin/sh
[ "$1" = committed ] || exit 0
printf 'moved\\0' >&3
read -r verdict bytes <&4
exit 0
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
  /** Refs have moved, and nobody was told yet. */
  moved(): Promise<void>
}

const QUESTION_LIMIT = 4 * 1024 * 1024
const ANSWER_LIMIT = 64 * 1024

/** Answers the hooks of one git process until it closes its end. */
export async function serveHooks(
  questions: Readable,
  answers: Writable,
  handlers: HookHandlers,
): Promise<void> {
  const fields = splitAtNul(questions)
  const next = async (): Promise<string> => {
    const { value, done } = await fields.next()
    if (done) throw new Error('the hook ended in the middle of its question')
    return value
  }
  for (let kind = await fields.next(); !kind.done; kind = await fields.next()) {
    if (kind.value === 'moved') {
      await handlers.moved()
      answers.write('0 0\n')
    } else if (kind.value === 'pre-receive') {
      answers.write(encode(await handlers.judge(await readQuestion(next))))
    } else throw new Error('the hook asked what no hook of ours asks')
  }
}

async function readQuestion(next: () => Promise<string>): Promise<PushQuestion> {
  const quarantine = {
    GIT_OBJECT_DIRECTORY: await next(),
    GIT_ALTERNATE_OBJECT_DIRECTORIES: await next(),
  }
  const options: string[] = []
  for (let left = Number(await next()); left > 0; left--) options.push(await next())
  const updates = (await next()).split('\n').filter(Boolean).map(parseUpdate)
  return { quarantine, options, updates }
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

async function* splitAtNul(source: Readable): AsyncGenerator<string, void> {
  let held: Buffer[] = []
  let size = 0
  for await (const chunk of source as AsyncIterable<Buffer>) {
    let from = 0
    for (let end = chunk.indexOf(0); end >= 0; end = chunk.indexOf(0, from)) {
      yield Buffer.concat([...held, chunk.subarray(from, end)]).toString()
      held = []
      size = 0
      from = end + 1
    }
    held.push(chunk.subarray(from))
    size += chunk.length - from
    if (size > QUESTION_LIMIT) throw new Error('the push names more refs than can be judged')
  }
}
