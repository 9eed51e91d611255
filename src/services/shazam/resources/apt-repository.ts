import Type from 'typebox'
import type { State } from '../facts/state.ts'
import { quote } from '../quote.ts'
import { sha256 } from './file.ts'
import { change, type Entry, type Kind, type Resource, unchanged } from './kind.ts'

export interface AptRepository extends Resource {
  /** `ppa:OWNER/NAME`, or a `deb` line. */
  name: string
  /** A URL, a path on the node, or the armoured text. */
  key?: string
}

export const aptRepositoryKind: Kind<AptRepository> = {
  name: 'apt_repository',
  schema: Type.Object({
    apt_repository: Type.String({
      pattern: '^(ppa:[a-z0-9+.-]+/[a-z0-9+.-]+|deb(-src)? [^\\x00-\\x1f]+)$',
      description: 'ppa:OWNER/NAME, or a whole deb line',
    }),
    key: Type.Optional(Type.String()),
  }),
  wish: (name, { key }) => ({ id: `apt_repository:${name}`, name, ...(key ? { key: key as string } : {}) }),
  ask(wish, questions) {
    const { list, key } = places(wish)
    questions.paths.add(list).add(key)
    questions.hashes.add(list)
  },
  plan(wish, state) {
    const { list, key } = places(wish)
    if (isPpa(wish) && state.system.os.id !== 'ubuntu')
      return {
        verdict: 'skipped',
        summary: `${wish.name}: PPAs are for Ubuntu, and this is ${state.system.os.name}`,
      }
    const line = `${sourceLine(wish, state)}\n`
    const keyed = !needsKey(wish) || state.files.has(key)
    if (keyed && state.files.get(list)?.sha256 === sha256(line))
      return unchanged(`apt repository ${wish.name} is there`)
    const script = [
      ...(needsKey(wish) ? [`add_key ${quote([wish.key ?? wish.name, key])}`] : []),
      `printf %s ${quote(line)} | base64 | write_file ${quote([list, 'root:root', '644', sha256(line)])}`,
      'rm -f /run/devops/refreshed',
    ]
    return change(`add apt repository ${wish.name}`, script.join('\n'), { creates: !state.files.has(list) })
  },
  entry: ({ name, key }) => ({ name, ...(key ? { key_sha256: sha256(key) } : {}) }),
  remove(owned) {
    const { list, key } = places(owned)
    return change(
      `remove apt repository ${owned.name}`,
      `rm -f -- ${quote([list, key])}\nrm -f /run/devops/refreshed`,
    )
  },
}

const isPpa = ({ name }: { name?: unknown }) => String(name).startsWith('ppa:')
const needsKey = (wish: AptRepository) => isPpa(wish) || wish.key !== undefined

function places({ name }: AptRepository | Entry): { list: string; key: string } {
  const text = String(name)
  const slug = `${text.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 40)}-${sha256(text).slice(0, 8)}`
  return { list: `/etc/apt/sources.list.d/devops-${slug}.list`, key: `/etc/apt/keyrings/devops-${slug}.asc` }
}

function sourceLine(wish: AptRepository, { system }: State): string {
  const { key } = places(wish)
  if (isPpa(wish))
    return `deb [signed-by=${key}] https://ppa.launchpadcontent.net/${wish.name.slice(4)}/ubuntu ${system.os.codename} main`
  if (!needsKey(wish)) return wish.name
  const [, type = 'deb', options = '', rest = ''] = /^(\S+)\s+(?:\[([^\]]*)\]\s+)?(.*)$/.exec(wish.name) ?? []
  const kept = options.split(/\s+/).filter((option) => option && !option.startsWith('signed-by='))
  return `${type} [${[...kept, `signed-by=${key}`].join(' ')}] ${rest}`
}
