import { randomBytes } from 'node:crypto'
import { Problem } from '#kit/problem.ts'
import { facts } from './facts/index.ts'
import { readRemovals, removalsScript } from './facts/removals.ts'
import { type Boot, blankState, noQuestions, type Questions, type State } from './facts/state.ts'
import type { Graph } from './graph.ts'
import { packagesLeaving } from './leaving.ts'
import { quote } from './quote.ts'
import { kindOf } from './resources/index.ts'
import type { Entry } from './resources/kind.ts'
import type { Connection, ExecResult } from './transport/connection.ts'

/** Text files up to this size are fetched for a diff. */
const LARGEST = 256 * 1024

/**
 * Each question has its time: a network file system or a directory service that hangs must not hold a look for ever.
 * What got no answer is no answer: the look fails, nothing is taken for absent, and nothing more is asked.
 */
const WITHIN = `late=
within() {
  [ -z "$late" ] || return
  timeout -s KILL 20 "$@"
  code=$?
  [ $code != 137 ] || late=" $fact"
  return $code
}`

/** What must be known to plan: of all that is wished, and of all that is owned and may have to leave. */
export function questions(graph: Graph, applied: readonly Entry[], boot?: Boot): Questions {
  const asked: Questions = { ...noQuestions(), ...(boot && { boot }) }
  for (const entry of applied) kindOf(entry.kind).ask(entry, asked)
  // After: where both ask about the same thing, what is wished now says how.
  for (const wish of graph.resources) kindOf(wish.kind).ask(wish, asked)
  for (const [name, line] of Object.entries(graph.lines)) asked.lines.set(name, line)
  return asked
}

/** Reads the node's state in one remote execution, however much is asked. */
export async function probe(connection: Connection, asked: Questions, signal?: AbortSignal): Promise<State> {
  const nonce = randomBytes(12).toString('hex')
  const result = await asRoot(connection, probeScript(asked, nonce), signal)
  const [, hanging] = result.stdout.split(`\n${nonce}:late `)
  if (hanging !== undefined)
    throw new Problem('look_hangs', {
      node: connection.target.node,
      what: (hanging.split('\n')[0] ?? '').trim(),
    })
  const state = readProbe(result.stdout, asked, nonce)
  if (asked.units.size > 0 && !state.system.systemd)
    throw new Problem('no_systemd', { node: connection.target.node })
  return state
}

/** All that a plan is made of: the state, and where packages leave also what apt says to that. */
export async function lookAt(
  connection: Connection,
  graph: Graph,
  applied: readonly Entry[],
  { boot, signal }: { boot?: Boot | undefined; signal?: AbortSignal | undefined } = {},
): Promise<State> {
  const state = await probe(connection, questions(graph, applied, boot), signal)
  const leaving = packagesLeaving(graph, state, applied)
  if (leaving) {
    const { stdout } = await asRoot(connection, removalsScript(leaving), signal)
    state.removals = readRemovals(stdout, leaving)
  }
  return state
}

export function probeScript(asked: Questions, nonce: string): string {
  const parts = facts.flatMap((fact) => {
    const script = fact.script(asked)
    return script === '' ? [] : [`fact=${fact.name}\nprintf '\\n%s:%s\\n' ${nonce} ${fact.name}`, script]
  })
  const late = `[ -z "$late" ] || printf '\\n%s:late%s\\n' ${nonce} "$late"`
  const body = [WITHIN, ...parts, late, `printf '\\n%s:end\\n' ${nonce}`].join('\n')
  return `main() {\nexport LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\ncd /\n${body}\n} 2>/dev/null\nmain </dev/null\n`
}

export function readProbe(stdout: string, asked: Questions, nonce: string): State {
  const state = blankState()
  const answers = new Map<string, string>()
  for (const part of stdout.split(`\n${nonce}:`).slice(1)) {
    const cut = part.indexOf('\n')
    answers.set(part.slice(0, cut), part.slice(cut + 1))
  }
  if (!answers.has('end'))
    throw new Problem('internal', { reason: 'the answer of the node to our look is not whole' })
  for (const fact of facts) {
    const answer = answers.get(fact.name)
    if (answer !== undefined) fact.read(answer, state, asked)
  }
  return state
}

/** The text of files that differ, for diffs: a second execution, so only on demand. */
export async function fetchContents(connection: Connection, graph: Graph, state: State): Promise<void> {
  const wanted = graph.resources
    .filter(({ kind }) => kind === 'file')
    .map((wish) => wish as typeof wish & { path: string; sha256: string; secret?: boolean })
    .filter(({ path, sha256, secret }) => {
      const found = state.files.get(path)
      return !secret && found?.type === 'file' && found.sha256 !== sha256 && found.size <= LARGEST
    })
  if (wanted.length === 0) return
  const nonce = randomBytes(12).toString('hex')
  const script = wanted
    .map(({ path }) => `base64 -w0 -- ${quote(path)}; printf '\\n%s\\n' ${nonce}`)
    .join('\n')
  const { stdout } = await asRoot(connection, `main() {\n${script}\n} 2>/dev/null\nmain </dev/null\n`)
  const texts = stdout.split(`\n${nonce}\n`)
  for (const [at, { path }] of wanted.entries()) {
    const text = Buffer.from(texts[at] ?? '', 'base64').toString()
    state.contents.set(path, text)
  }
}

async function asRoot(connection: Connection, script: string, signal?: AbortSignal): Promise<ExecResult> {
  const result = await connection.exec(rootShell(connection), {
    stdin: script,
    warm: true,
    ...(signal ? { signal } : {}),
  })
  if (result.code !== 0) throw refusal(connection, result)
  return result
}

/** The command that reads a script of ours on its input, as root. */
export const rootShell = ({ target }: Connection) => (target.user === 'root' ? 'exec sh' : 'exec sudo -n sh')

export function refusal(
  { target }: Connection,
  { code, stderr }: Pick<ExecResult, 'code' | 'stderr'>,
): Problem {
  if (/^sudo: /m.test(stderr) || code === 127)
    return new Problem('sudo_refused', { node: target.node, user: target.user })
  return new Problem('internal', {
    reason: `the node ended our script with ${code}: ${stderr.slice(0, 500)}`,
  })
}
