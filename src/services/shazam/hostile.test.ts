import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Option } from '#contracts/descriptors.ts'
import { checkOptions } from '#language/options.ts'
import { catalog } from './testing/graphs.ts'

/**
 * What a value could try in a configuration file: to end its line, its directive, its quotes or its block, to begin a
 * comment, or to be run by a shell.
 */
const attacks: Record<string, string> = {
  newline: 'x\ninjected y',
  'carriage return': 'x\rinjected y',
  NUL: 'x\0y',
  semicolon: 'x; injected y;',
  'double quote': 'x" injected "',
  'single quote': "x' injected '",
  brace: 'x } injected { y',
  comment: 'x # y',
  substitution: '$(touch /tmp/injected)',
  backquote: '`touch /tmp/injected`',
  backslash: 'x\\',
}

/** The same where an option wants a path, and at the very beginning of a word; as assignments where it wants those. */
const variants = (attack: string, path: string) =>
  path.endsWith('extra_env')
    ? [`A=${attack}`, `"A=${attack}"`, `'A=${attack}'`, attack]
    : [attack, `/${attack}`, attack.replace(/^x ?/, '')]

/** Options that hold text of the program itself, or of the key that they are, as their descriptions say: nothing to break out of. */
const open = new Set(['nginx vhosts.routes.custom', 'supervisord programs.extra', 'server repositories.key'])

/** What may stand in a value, and why it does no harm there. Anything else is refused by the pattern of its option. */
const inert: Record<string, { attacks: string[]; because: string }> = {
  'nginx vhosts.routes.uri': {
    attacks: ['substitution', 'backquote'],
    because:
      'no word can begin a comment or a quote, no line, block or directive can be ended, and nginx runs no shell',
  },
  'nginx vhosts.routes.to': {
    attacks: ['substitution', 'backquote'],
    because: 'as above',
  },
  'nginx vhosts.indexes': {
    attacks: ['substitution', 'backquote'],
    because: 'as above',
  },
  'nginx vhosts.aliases': {
    attacks: ['substitution', 'backquote'],
    because: 'as above',
  },
  'nginx http.gzip_disable': {
    attacks: ['single quote', 'comment', 'substitution', 'backquote'],
    because: 'it stands in double quotes, which it cannot hold, and nginx -t judges it',
  },
  'supervisord programs.command': {
    attacks: ['double quote', 'single quote', 'brace', 'substitution', 'backquote', 'backslash'],
    because: 'supervisord splits it into words and runs no shell; its line cannot be ended',
  },
  'supervisord programs.env': {
    attacks: ['double quote', 'single quote', 'brace', 'substitution', 'backquote', 'backslash'],
    because: 'its line cannot be ended, and supervisord reads the file before it takes its place',
  },
  'supervisord programs.log.stdout': { attacks: ['backslash'], because: 'supervisord takes it as a letter' },
  'supervisord programs.log.stderr': { attacks: ['backslash'], because: 'supervisord takes it as a letter' },
  'nodejs apps.extra_env': {
    attacks: ['semicolon', 'double quote', 'single quote', 'brace', 'comment', 'substitution', 'backquote'],
    because: 'each pair becomes a line of an environment file, in double quotes with its own quotes escaped',
  },
  'postgresql users.password': {
    attacks: [
      'semicolon',
      'double quote',
      'single quote',
      'brace',
      'comment',
      'substitution',
      'backquote',
      'backslash',
    ],
    because: 'it goes to the server as a SCRAM verifier out of a JSON file, never as SQL',
  },
}

/** Every option that takes text, by its path, also those of commands. */
function* texts(options: Record<string, Option>, prefix: string): Generator<[string, Option]> {
  for (const [name, option] of Object.entries(options)) {
    const path = `${prefix}${name}`
    if (option.removed !== undefined) continue
    if (option.options) yield* texts(option.options, `${path}.`)
    else if (option.type === 'string' || (option.type === 'array' && (option.items ?? 'string') === 'string'))
      yield [path, option]
  }
}

function refuses(option: Option, value: string): boolean {
  const found: string[] = []
  const text = { ...option, required: false }
  checkOptions({ it: text }, { it: option.type === 'array' ? [value] : value }, [], (_, message) =>
    found.push(message),
  )
  return found.length > 0
}

for (const service of catalog) {
  test(`${service.id}: text that lands in a file cannot break out of its place`, () => {
    for (const [path, option] of texts(service.options, '')) {
      const name = `${service.id} ${path}`
      if (open.has(name)) continue
      const taken = Object.keys(attacks).filter((attack) =>
        variants(attacks[attack] ?? '', path).some((value) => !refuses(option, value)),
      )
      assert.deepEqual(taken, inert[name]?.attacks ?? [], name)
    }
  })

  test(`${service.id}: options of commands cannot end a line either, where they land in a file`, () => {
    for (const [command, { options = {} }] of Object.entries(service.commands))
      for (const [path, option] of texts(options, '')) {
        if (/(^|\.)(custom|extra)$/.test(path)) continue
        for (const attack of ['newline', 'NUL'])
          for (const value of variants(attacks[attack] ?? '', path))
            assert.ok(refuses(option, value), `${service.id} ${command} ${path}: ${attack}`)
      }
  })
}
