import { type Composite, listOf, rest } from './item.ts'

/** A line of authorized_keys that lets somebody in, with or without options before the key. */
const isKey = (line: string) => /(^|\s)(ssh-|ecdsa-|sk-)[a-z0-9@.-]+\s+AAAA/.test(line)

/**
 * `authorized_keys: USER`, `keys: [...]`, or a text with a key on each line. The whole file is ours, so that a removed
 * key loses its access; a file without any key would shut everybody out, so it is refused.
 */
export const authorizedKeys: Composite = (item) => {
  const user = String(item.authorized_keys)
  const home = String(item.home ?? (user === 'root' ? '/root' : `/home/${user}`))
  const lines = linesOf(item.keys)
  if (lines.length === 0)
    throw new Error(`keys of ${user} are none, and nobody could log in: give one, or leave the item out`)
  const wrong = lines.find((line) => !isKey(line))
  if (wrong !== undefined)
    throw new Error(
      `keys must be public keys as in authorized_keys, got ${JSON.stringify(wrong.slice(0, 60))}`,
    )
  const own = rest(item, 'authorized_keys', 'keys', 'home')
  return [
    { directory: `${home}/.ssh`, ...own, owner: user, mode: '0700' },
    {
      file: `${home}/.ssh/authorized_keys`,
      ...own,
      owner: user,
      mode: '0600',
      content: lines.map((line) => `${line}\n`).join(''),
    },
  ]
}

/** An item of a list is one key, whatever it holds: it cannot bring another one in a line of its own. */
function linesOf(keys: unknown): string[] {
  const texts = typeof keys === 'string' ? keys.split(/[\r\n]+/) : listOf(keys)
  const wrong = texts.find((text) => typeof text !== 'string')
  if (wrong !== undefined) throw new Error(`keys must be texts, got ${JSON.stringify(wrong)}`)
  return texts
    .map((text) =>
      String(text)
        .trim()
        .replace(/[\r\n]+/g, ' '),
    )
    .filter((line) => line !== '' && !line.startsWith('#'))
}

/** `sudoers: NAME`, `content:`. A broken file there locks everybody out, so it is always checked. */
export const sudoers: Composite = (item) => [
  { package: 'sudo', ...shared(item) },
  {
    file: `/etc/sudoers.d/${String(item.sudoers).replaceAll('.', '_')}`,
    ...rest(item, 'sudoers'),
    requires: [...listOf(item.requires), 'package:sudo'],
    mode: '0440',
    // Once more when it is refused, for the reason.
    check: 'visudo -cqf {file} || visudo -cf {file}',
  },
]

/** What holds for an item holds for a program that it needs. */
export const shared = ({ except }: Record<string, unknown>): Record<string, unknown> =>
  except === undefined ? {} : { except }
