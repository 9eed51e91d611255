import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

/** A checkout with a stand-in for npm that says that it was called. */
function checkout(): {
  root: string
  run(): string
  touch(path: string, seconds: number): void
} & Disposable {
  const root = mkdtempSync(join(tmpdir(), 'devops set-up ü '))
  for (const folder of ['tools', 'node_modules/.bin', 'bin'])
    mkdirSync(join(root, folder), { recursive: true })
  copyFileSync(join(import.meta.dirname, 'with-setup'), join(root, 'tools/with-setup'))
  symlinkSync(process.execPath, join(root, 'node_modules/.bin/node'))
  writeFileSync(join(root, 'package-lock.json'), '{}')
  writeFileSync(join(root, 'bin/npm'), '#!/bin/sh\necho "npm $1 called" >&2\n')
  chmodSync(join(root, 'bin/npm'), 0o755)
  const env = {
    ...process.env,
    HOME: root,
    XDG_CACHE_HOME: '',
    PATH: `${join(root, 'bin')}:${process.env.PATH}`,
  }
  return {
    root,
    run: () =>
      execFileSync(
        'sh',
        ['-c', '"$0" -e "console.log(process.env.NODE_COMPILE_CACHE)" 2>&1', join(root, 'tools/with-setup')],
        {
          env: { ...env, NODE_COMPILE_CACHE: '' },
          encoding: 'utf8',
        },
      ),
    touch: (path, seconds) => utimesSync(join(root, path), seconds, seconds),
    [Symbol.dispose]: () => rmSync(root, { recursive: true }),
  }
}

test('packages are installed when there are none, and when the lock file is newer than the last install', () => {
  using at = checkout()
  assert.match(at.run(), /npm ci called/)
  writeFileSync(join(at.root, 'node_modules/.package-lock.json'), '{}')
  at.touch('package-lock.json', 2_000_000_000)
  assert.match(at.run(), /npm ci called/)
})

test('after a plain npm ci nothing is installed again, and what is compiled is kept in the cache folder of the user', () => {
  using at = checkout()
  writeFileSync(join(at.root, 'node_modules/.package-lock.json'), '{}')
  at.touch('package-lock.json', 1_000_000_000)
  assert.equal(at.run().trim(), join(at.root, '.cache/devops/compiled'))
})

test('of two commands at once in a fresh clone one installs, and the other waits for it', () => {
  using at = checkout()
  writeFileSync(
    join(at.root, 'bin/npm'),
    '#!/bin/sh\necho "npm $1 called" >&2\nsleep 1\ntouch node_modules/.package-lock.json\n',
  )
  at.touch('package-lock.json', 1_000_000_000)
  const both = execFileSync(
    'sh',
    ['-c', '{ "$0" -p 6*7 & "$0" -p 6*7 & wait; } 2>&1', join(at.root, 'tools/with-setup')],
    {
      env: { ...process.env, PATH: `${join(at.root, 'bin')}:${process.env.PATH}`, HOME: at.root },
      encoding: 'utf8',
    },
  )
  assert.deepEqual(
    both
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('Installing'))
      .toSorted(),
    ['42', '42', 'npm ci called'],
  )
})
