import Type from 'typebox'
import type { State } from '../facts/state.ts'
import { quote } from '../quote.ts'
import { dearmor } from './armor.ts'
import { unified } from './difference.ts'
import { sha256, writeBytes } from './file.ts'
import { change, type Entry, type Kind, type Resource, unchanged } from './kind.ts'

export interface AptRepository extends Resource {
  /** `ppa:OWNER/NAME`, or a `deb` line, in which `{codename}`, `{id}` and `{architecture}` are the node's. */
  name: string
  /** The key itself, in base64 … */
  key?: string
  /** … or where the node finds it: an address, or a path. */
  key_from?: string
}

/** A place that apt takes packages from, as a deb822 file, trusted for its own key alone. */
export const aptRepositoryKind: Kind<AptRepository> = {
  name: 'apt_repository',
  schema: Type.Object({
    apt_repository: Type.String({
      pattern: '^(ppa:[a-z0-9+.-]+/[a-z0-9+.-]+|deb(-src)? [^\\x00-\\x1f]+)$',
      description: 'ppa:OWNER/NAME, or a whole deb line',
    }),
    key: Type.Optional(Type.String()),
    content: Type.Optional(Type.String()),
    base64: Type.Optional(Type.String()),
  }),
  refuse(item) {
    try {
      keyOf(item)
      return undefined
    } catch (error) {
      return `the key ${(error as Error).message}`
    }
  },
  wish: (name, item) => ({ id: `apt_repository:${name}`, name, ...keyOf(item) }),
  implies: () => ['package:ca-certificates', 'package:curl'],
  ask(wish, questions) {
    const { list, key, old } = places(wish)
    questions.paths.add(key).add(old)
    questions.hashes.add(key)
    questions.texts.add(list)
    const from = String(wish.key_from ?? '')
    if (/^https?:/.test(from)) questions.answers.set(wish.id, digestAt(from))
  },
  plan(wish, state, { owned }) {
    if (isPpa(wish) && state.system.os.id !== 'ubuntu')
      return {
        verdict: 'skipped',
        summary: `${wish.name}: PPAs are for Ubuntu, and this is ${state.system.os.name}`,
      }
    const { list, key, old } = places(wish)
    const text = sources(wish, state)
    const found = textOf(state.texts.get(list))
    const missing = keyScript(wish, state, owned)
    if (found === text && !missing && !state.files.has(old))
      return unchanged(`apt repository ${wish.name} is there`)
    const said = [
      ...(found === text ? [] : [`sources ${found === undefined ? 'none' : 'other'} -> written`]),
      ...(missing ? [`key ${state.files.has(key) ? 'other' : 'none'} -> written`] : []),
    ]
    const script = [
      ...(missing ? [missing] : []),
      nested(writeBytes(list, 'root:root', '644', Buffer.from(text))),
      `rm -f -- ${quote(old)}`,
      'rm -f /run/devops/refreshed',
    ]
    const diff = unified(list, found ?? '', text)
    return change(
      `apt repository ${wish.name}: ${said.join(', ') || 'its old form -> deb822'}`,
      script.join('\n'),
      {
        creates: found === undefined && !state.files.has(old),
        ...(diff === undefined ? {} : { diff }),
      },
    )
  },
  entry: ({ name, key, key_from }) => ({
    name,
    ...(key ? { key_sha256: sha256(key) } : {}),
    ...(key_from ? { key_from } : {}),
  }),
  remove(owned) {
    const { list, key, old } = places(owned)
    return change(
      `remove apt repository ${owned.name}`,
      `rm -f -- ${quote([list, key, old])}\nrm -f /run/devops/refreshed`,
    )
  },
}

const isPpa = ({ name }: { name?: unknown }) => String(name).startsWith('ppa:')

function keyOf({ key, content, base64 }: Record<string, unknown>): Pick<AptRepository, 'key' | 'key_from'> {
  const given = String(key ?? '')
  if (/^(https?:\/\/|\/)/.test(given)) return { key_from: given }
  const text = content ?? (given || undefined)
  if (text === undefined && base64 === undefined) return {}
  const bytes = dearmor(text === undefined ? Buffer.from(String(base64), 'base64') : String(text))
  return { key: bytes.toString('base64') }
}

function places({ name }: AptRepository | Entry): { list: string; key: string; old: string } {
  const text = String(name)
  const slug = `devops-${text.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 40)}-${sha256(text).slice(0, 8)}`
  return {
    list: `/etc/apt/sources.list.d/${slug}.sources`,
    key: `/etc/apt/keyrings/${slug}.gpg`,
    old: `/etc/apt/sources.list.d/${slug}.list`,
  }
}

/** What brings the key, when it is not there, or another one is at its address. */
function keyScript(wish: AptRepository, state: State, owned?: Entry): string | undefined {
  const { key } = places(wish)
  const from = wish.key_from ?? (isPpa(wish) ? wish.name : undefined)
  if (wish.key) {
    const bytes = Buffer.from(wish.key, 'base64')
    if (state.files.get(key)?.sha256 === sha256(bytes)) return undefined
    return `mkdir -p -m 0755 /etc/apt/keyrings\n${nested(writeBytes(key, 'root:root', '644', bytes))}`
  }
  if (from === undefined || from.startsWith('/')) return undefined
  const found = state.files.get(key)
  const now = state.answers.get(wish.id)
  const moved = wish.key_from !== undefined && owned !== undefined && owned.key_from !== from
  // Of an address that does not answer nobody knows: the key that is there goes on.
  if (found && (now ? now === found.sha256 : !moved)) return undefined
  return `add_key ${quote([from, key])}`
}

/**
 * The SHA-256 of the key at an address, so that one that was replaced there comes with the next sync. Nothing is printed
 * when the address does not answer in time, or with no key of OpenPGP.
 */
const digestAt = (
  address: string,
) => `text=$(printf '%s\\n' ${quote(`url = "${address.replace(/[\\"]/g, '\\$&')}"`)} | curl -fsSL --max-time 5 -K - | base64 -w 0)
as_sent() { printf %s "$text" | base64 -d; }
bytes() {
  if as_sent | grep -qa 'BEGIN PGP'; then
    as_sent | tr -d '\\r' | awk 'BEGIN { head = 1 }
      /^-----BEGIN PGP/ { body = ""; head = 1; next }
      /^-----END PGP/ { if (body != "") print body; body = ""; head = 1; next }
      head { if ($0 == "") head = 0; next }
      !/^=/ { body = body $0 }' | while read -r body; do printf %s "$body" | base64 -d; done
  else as_sent; fi
}
[ "$(bytes | head -c 1 | od -An -tu1 | tr -d ' ')" -ge 128 ] && bytes | sha256sum | cut -d ' ' -f 1`

/** `write_file` ends by leaving its folder: a shell of its own for each. */
const nested = (script: string) => `(\n${script}\n)`

const textOf = (lines: string[] | undefined) => lines && `${lines.join('\n')}\n`

/** sources.list(5), in the form of deb822. */
function sources(wish: AptRepository, state: State): string {
  const { os, architecture } = state.system
  const known: Record<string, string> = {
    id: os.id,
    codename: os.codename,
    architecture: architectures[architecture] ?? architecture,
  }
  const line = isPpa(wish)
    ? `deb https://ppa.launchpadcontent.net/${wish.name.slice(4)}/ubuntu {codename} main`
    : wish.name
  const filled = line.replace(/\{(\w+)\}/g, (all, name: string) => known[name] ?? all)
  const [, type = 'deb', options = '', rest = ''] =
    /^(\S+)\s+(?:\[\s*([^\]]*?)\s*\]\s+)?(.*)$/.exec(filled) ?? []
  const [uri = '', suite = '', ...components] = rest.split(/\s+/)
  const fields = [
    ['Types', type],
    ['URIs', uri],
    ['Suites', suite],
    ...(components.length ? [['Components', components.join(' ')]] : []),
    ...options.split(/\s+/).flatMap((option) => optionField(option)),
    ...signedBy(wish, options),
  ]
  return fields.map(([name, value]) => `${name}: ${value}\n`).join('')
}

/** dpkg's names for what `uname -m` says. */
const architectures: Record<string, string> = { x86_64: 'amd64', aarch64: 'arm64', armv7l: 'armhf' }

const names: Record<string, string> = { arch: 'Architectures', lang: 'Languages', target: 'Targets' }

function optionField(option: string): string[][] {
  const [name = '', value = ''] = option.split('=', 2)
  if (!name || name === 'signed-by') return []
  const field = names[name] ?? name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())
  return [[field, value.replaceAll(',', ' ')]]
}

function signedBy(wish: AptRepository, options: string): string[][] {
  const written = /(?:^|\s)signed-by=(\S+)/.exec(options)?.[1]
  const { key } = places(wish)
  const ours = wish.key || isPpa(wish) || wish.key_from ? key : written
  const path = wish.key_from?.startsWith('/') ? wish.key_from : ours
  return path ? [['Signed-By', path]] : []
}
