import { quote } from '../quote.ts'
import { batches, type Fact, type PackageFact, type State } from './state.ts'

const EXTENDED = '/var/lib/apt/extended_states'
// biome-ignore lint/suspicious/noTemplateCurlyInString: a format of dpkg-query
const record = '${Package}\\t${Architecture}\\t${db:Status-Status}\\t${db:Status-Want}\\t${Version}\\n'

/** dpkg's word, apt's marks, and for names that are no package: who provides them, when there is no such package at all. */
export const packages: Fact = {
  name: 'packages',
  script: ({ packages }) =>
    packages.size === 0
      ? ''
      : [
          `native=$(dpkg --print-architecture)`,
          `printf '=native\\t%s\\n' "$native"`,
          `awk '/^Package: / { name = $2 } /^Architecture: / { at = $2 } /^Auto-Installed: 1/ { print "=auto\\t" name ":" at }' ${EXTENDED}`,
          ...batches(packages).map(recordsOf),
        ].join('\n'),
  read(answer, state, questions) {
    const lines = answer.split('\n').map((line) => line.split('\t'))
    const told = (mark: string) => lines.filter(([first]) => first === mark)
    state.native = told('=native')[0]?.[1] ?? ''
    for (const [, name = ''] of told('=auto')) state.autos.add(plainName(name, state))
    for (const [name = '', architecture = '', status = '', want = '', version = ''] of lines) {
      if (name === '' || name.startsWith('=')) continue
      const plain = plainName(`${name}:${architecture}`, state)
      const fact = { status, version, held: want === 'hold', auto: state.autos.has(plain) }
      for (const asked of [plain, `${plain}:${state.native}`, `${name}:${architecture}`])
        if (questions.packages.has(asked)) state.packages.set(asked, fact)
    }
    const real = new Set(told('=real').map(([, name]) => name))
    for (const [, name = '', by = '', version = '', as = ''] of told('=provided'))
      if (!real.has(name)) addProvider(state, name, by, / \(= (.*)\)$/.exec(as)?.[1] ?? version)
  },
}

/** dpkg knows names that are no package from those that are, so its exit code says nothing. */
const recordsOf = (group: string[]) =>
  `found=$(within dpkg-query -W -f '${record}' -- $(printf '%s\\n' ${quote(group)} | sed "s/:$native\\$//"))
[ $? != 137 ] || late=" $fact"
printf '%s\\n' "$found"
[ "$(printf '%s\\n' "$found" | grep -c '\tinstalled\t')" -ge ${group.length} ] || {\n${provided(group)}\n}`

/** As apt names it: without the architecture where it is the node's own. */
export const plainName = (name: string, { native }: Pick<State, 'native'>): string => {
  const [bare = '', architecture] = name.split(':')
  return architecture === undefined || architecture === 'all' || architecture === native || native === ''
    ? bare
    : name
}

function addProvider(state: State, name: string, by: string, version: string): void {
  const known = state.packages.get(name)
  if (known?.by) known.by.push(by)
  else if (known?.status !== 'installed')
    state.packages.set(name, {
      status: 'installed',
      version,
      held: false,
      auto: false,
      by: [by],
    } as PackageFact)
}

const provided = (
  group: string[],
) => `provided=$(within dpkg-query -W -f '\${db:Status-Status}\\t\${Package}\\t\${Version}\\t\${Provides}\\n' |
  awk -F '\\t' -v asked=${quote(` ${group.join(' ')} `)} '$1 == "installed" && $4 != "" {
    n = split($4, all, ", *")
    for (i = 1; i <= n; i++) { split(all[i], word, " "); if (index(asked, " " word[1] " ")) print "=provided\\t" word[1] "\\t" $2 "\\t" $3 "\\t" all[i] }
  }')
[ -z "$provided" ] || {
  printf '%s\\n' "$provided"
  within apt-cache policy -- $(printf '%s\\n' "$provided" | cut -f 2 | sort -u) |
    awk '/^[^ ]/ { name = $1; sub(/:$/, "", name) } /^ *Candidate:/ && $2 != "(none)" { print "=real\\t" name }'
}`
