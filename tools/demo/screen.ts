import { spawn } from 'node:child_process'

const colour = process.stdout.isTTY && !process.env.NO_COLOR
const paint = (code: number, text: string) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text)

export const heading = (text: string): void => console.log(`\n${paint(1, `== ${text}`)}`)
export const note = (text: string): void => console.log(paint(2, `   ${text}`))

/** Its output was on the screen already. */
export class ShownError extends Error {}

/** Runs a command, shown as a person would type it, with its output as it comes. */
export function show(
  typed: string,
  command: string[],
  options: { cwd?: string; env: NodeJS.ProcessEnv },
): Promise<void> {
  console.log(paint(36, `$ ${typed}`))
  const child = spawn(command[0] as string, command.slice(1), {
    ...options,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return new Promise((done, fail) => {
    child.on('error', fail)
    child.on('close', (code) =>
      code === 0 ? done() : fail(new ShownError(`\`${typed}\` ended with ${code}`)),
    )
  })
}
