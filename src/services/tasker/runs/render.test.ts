import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderScript } from './render.ts'

const scope = { name: 'a b', list: [1, 2] }

const cases: [claim: string, path: string, text: string, wanted: string][] = [
  [
    'keeps its first line as it is',
    'scripts/a.sh',
    '#!/bin/bash -eu\necho {{ name }}\n',
    "#!/bin/bash -eu\necho 'a b'\n",
  ],
  ['gets a first line by its extension', 'scripts/a.sh', 'echo {{ name }}\n', "#!/bin/sh\necho 'a b'\n"],
  [
    'in Python takes numbers as they are, and lists of them',
    'scripts/a.py',
    'x = {{ list }}\n',
    '#!/usr/bin/env python3\nx = [1,2]\n',
  ],
  ['in Ruby gets ruby', 'scripts/a.rb', "puts '{{ name }}'\n", "#!/usr/bin/env ruby\nputs 'a b'\n"],
  [
    'whose first line names a shell is a shell script whatever its name',
    'scripts/a',
    '#!/usr/bin/env bash\necho {{ name }}',
    "#!/usr/bin/env bash\necho 'a b'",
  ],
  [
    'whose first line names another language is not quoted for a shell',
    'scripts/a.sh',
    '#!/usr/bin/env node\nlog("{{ name }}")',
    '#!/usr/bin/env node\nlog("a b")',
  ],
  ['never renders its first line', 'scripts/a.sh', '#!{{ name }}', '#!{{ name }}\n'],
]

for (const [claim, path, text, wanted] of cases) {
  test(`a script ${claim}`, () => assert.equal(renderScript(path, text, scope), wanted))
}

for (const value of ['"; import os', "a'b", 'a\nb', '$(id)', '#{`id`}', 'back\\slash', '%x/id/'])
  test(`a value that could change a program is refused: ${JSON.stringify(value)}`, () => {
    const text = 'print("{{ name }}")'
    assert.throws(
      () => renderScript('scripts/a.py', text, { name: value }),
      /give it in env, and read it from there/,
    )
  })
