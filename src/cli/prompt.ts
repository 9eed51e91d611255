import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { Failure } from './failure.ts'
import type { Input, Output } from './io.ts'

export interface Prompt {
  /** Asks and reads a line; `standard` when it is empty. */
  ask(question: string, standard?: string): Promise<string>
  /** The same without showing what is typed. */
  askSecret(question: string): Promise<string>
  close(): void
}

/** Questions go to stderr: stdout is for answers that are piped on. */
export function createPrompt(stdin: Input, stderr: Output): Prompt {
  let muted = false
  const echo = new Writable({
    write(chunk, _, done) {
      if (!muted) stderr.write(String(chunk))
      done()
    },
  })
  const terminal = stdin.isTTY === true
  const lines = createInterface({ input: stdin, output: echo, terminal })
  const iterator = lines[Symbol.asyncIterator]()

  async function line(question: string): Promise<string> {
    stderr.write(question)
    const { value, done } = await iterator.next()
    if (!terminal || muted) stderr.write('\n')
    if (done)
      throw new Failure(`Nothing was typed at \`${question.trim()}\``, 'Give it as an option instead.', 2)
    return String(value)
  }

  return {
    async ask(question, standard = '') {
      const answer = await line(standard ? `${question} [${standard}]: ` : `${question}: `)
      return answer.trim() || standard
    },
    async askSecret(question) {
      muted = true
      try {
        return await line(`${question}: `)
      } finally {
        muted = false
      }
    },
    close: () => lines.close(),
  }
}

/** All of stdin, without the newline at its end. */
export async function readAll(stdin: Input): Promise<string> {
  let text = ''
  for await (const chunk of stdin) text += String(chunk)
  return text.replace(/\r?\n$/, '')
}
