import type { Fact } from './state.ts'

/** Root's notes on the node. */
export const MADE = '/var/lib/devops/made'
/** Lost with a boot, as the need for a reload is. */
export const PENDING = '/run/devops/pending'

const read = (file: string) =>
  `[ ! -f ${file} ] || while IFS= read -r line; do printf '%s\\n' "$line"; done <${file}`

export const made: Fact = {
  name: 'made',
  script: () => read(MADE),
  read: (answer, state) => void (state.made = words(answer)),
}

export const pending: Fact = {
  name: 'pending',
  script: () => read(PENDING),
  read: (answer, state) => void (state.pending = words(answer)),
}

const words = (answer: string) => new Set(answer.split('\n').filter(Boolean))
