import { quote } from '../quote.ts'
import { batches, type Fact } from './state.ts'

export const packages: Fact = {
  name: 'packages',
  script: ({ packages }) =>
    batches(packages)
      .map(
        (group) =>
          `within dpkg-query -W -f '\${Package}\\t\${Architecture}\\t\${db:Status-Status}\\t\${db:Status-Want}\\t\${Version}\\n' -- ${quote(group)}`,
      )
      .join('\n'),
  read(answer, state, questions) {
    for (const line of answer.split('\n')) {
      const [name = '', architecture = '', status = '', want = '', version = ''] = line.split('\t')
      for (const asked of [name, `${name}:${architecture}`])
        if (questions.packages.has(asked))
          state.packages.set(asked, { status, version, held: want === 'hold' })
    }
  },
}
