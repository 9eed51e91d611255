import type { Command } from 'commander'

/** Examples below the help of a command. */
export const examples = (command: Command, ...lines: string[]): Command =>
  command.addHelpText(
    'after',
    `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map((line) => `  $ ${line}`).join('\n')}`,
  )

/** Options of a command together with `--repo`, which stands anywhere. */
export const optionsOf = <T extends object>(command: Command): T & { repo?: string } =>
  command.optsWithGlobals()

/** An option that can be given again and again. */
export const collect = (value: string, before: string[] = []): string[] => [...before, value]
