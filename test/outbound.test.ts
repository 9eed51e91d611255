import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { test } from 'node:test'

const root = resolve(import.meta.dirname, '..')

/** Everything that opens a connection, and who says where to. */
const outbound: Record<string, string> = {
  'src/services/shazam/transport/link.ts': 'SSH to a node: its provider, or a person who links it',
  'src/services/monitor/probe.ts': 'the SSH port of a node, at the address on record',
  'src/services/shazam/providers/docker-engine.ts':
    "the container engine: the platform's own, or a credential's",
  'src/services/logger/forward/otlp.ts': 'an option of the server',
  'src/services/logger/forward/syslog.ts': 'an option of the server',
}

const opens =
  /(?<![.\w])(fetch|connect|connectTls|request|createConnection)\(|\.(connect|createConnection)\(|\b(https?|net|tls)\.(request|get|connect)\(|Http(s)?Agent|from '(undici|node:http2)'/

test('security 19: no address that a repository, a webhook or a template names is ever connected to', () => {
  const files = globSync(['src/{services,kit,bus,store,language}/**/*.ts', 'bin/*.ts'], { cwd: root })
    .map((file) => relative(root, join(root, file)))
    .filter((file) => !/\.(test|bench)\.ts$|\/testing\//.test(file))
  assert.ok(files.length > 200)
  const found = files.filter((file) => opens.test(withoutComments(readFileSync(join(root, file), 'utf8'))))
  assert.deepEqual(found.sort(), Object.keys(outbound).sort())
})

const withoutComments = (text: string): string => text.replace(/\/\*.*?\*\/|\/\/[^\n]*/gs, '')
