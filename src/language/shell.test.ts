import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isProblem } from '#kit/problem.ts'
import { renderShell } from './index.ts'

const shells = ['/bin/sh', '/bin/bash'].filter((path) => existsSync(path))
const runs = Number(process.env.FUZZ_RUNS ?? 60)

/** Places where any value at all comes out as it went in. */
const places: Record<string, string> = {
  'a bare word': `printf '%s.' {{ x }}`,
  'a word in double quotes': `printf '%s.' "{{ x }}"`,
  'a word in single quotes': `printf '%s.' '{{ x }}'`,
  'an assignment': `X={{ x }}\nprintf '%s.' "$X"`,
  'a substitution': `printf '%s' "$(printf '%s.' {{ x }})"`,
  'quotes in a substitution in quotes': `printf '%s' "$(printf '%s.' "{{ x }}")"`,
  'a branch of case': `case a in\n  a) printf '%s.' {{ x }} ;;\nesac`,
  'after an expansion': `A=\${A:-b}; printf '%s.' "\${A#b}{{ x }}"`,
  'before a redirection': `printf '%s.' {{ x }}>&1`,
  'a subshell': `(printf '%s.' {{ x }})`,
  'after a comment with a quote': `# it's\nprintf '%s.' {{ x }}`,
  'a captured value': `{% capture y %}{{ x }}{% endcapture %}printf '%s.' {{ y }}`,
  'a function': `f() { printf '%s.' "{{ x }}"; }; f`,
  'after arithmetic': `printf '%s.' "$((0))$((1 << 0))" >/dev/null; printf '%s.' {{ x }}`,
}

const heredocs: Record<string, string> = {
  'a here-document': `cat <<END\n<{{ x }}>\nEND\n`,
  'a quoted here-document': `cat <<'END'\n<{{ x }}>\nEND\n`,
  'a here-document after an expansion': `cat <<END | cat\n\${A}$(: x)<{{ x }}>\nEND\n`,
}

const anyValue = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'\'"\\$`(){}<>;|&#*?[]!~=-a1 \t\n\r%@:,.') }),
  fc.string({ unit: 'grapheme' }),
)
const value = anyValue.filter((text) => !text.includes('\0'))

const run = (shell: string, script: string) =>
  execFileSync(shell, ['-c', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

describe('a value in a shell script', () => {
  for (const shell of shells) {
    for (const [place, template] of Object.entries(places)) {
      it(`comes out of ${shell} as it is: ${place}`, () => {
        fc.assert(
          fc.property(value, (x) => assert.equal(run(shell, renderShell(template, { x })), `${x}.`)),
          { numRuns: runs },
        )
      })
    }
    for (const [place, template] of Object.entries(heredocs)) {
      it(`comes out of ${shell} as it is: ${place}`, () => {
        fc.assert(
          fc.property(value, (x) => assert.equal(run(shell, renderShell(template, { x })), `<${x}>\n`)),
          { numRuns: runs },
        )
      })
    }
  }

  it('runs nothing, whatever the script around it, or is refused', () => {
    const literals = [
      "'",
      '"',
      '\\',
      '$',
      '$(',
      ')',
      '(',
      '`',
      '<<E\n',
      "<<'E'\n",
      '<<-E\n',
      '\nE\n',
      '#',
      ' ',
      '\n',
      ';',
      '{',
      '}',
      '((',
      '))',
      '$((',
      '${A:-',
      `\${A}`,
      '$[',
      ']',
      'case a in a',
      'esac',
      'echo ',
      '<',
      '>',
      '1',
      '=',
      "$'",
      '<(',
      '|',
      'a[',
      '<<<',
      '&',
      'if ',
      '[[ a',
      ' ]]',
    ]
    const payloads = [
      '$(canary)',
      '`canary`',
      ';canary;',
      "';canary;'",
      '";canary;"',
      '\ncanary\n',
      'E\ncanary\n',
      '\nE\ncanary\n',
      ')\ncanary\n',
      '};canary;',
      '$(canary',
      '\\$(canary)',
      '\\\ncanary\n',
      "\\';canary;'",
      '))\ncanary\n',
      '\\";canary\n',
      'a[$(canary)]',
      '|canary\n',
      '&canary\n',
      '#\ncanary\n',
      '\tE\ncanary\n',
      'esac\ncanary\n',
      '"\ncanary\n"',
      "'\ncanary\n'",
    ]
    const piece = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...literals) },
      { weight: 1, arbitrary: fc.constantFrom('{{ x }}', '{{ y }}') },
    )
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 14 }),
        fc.constantFrom(...payloads),
        fc.constantFrom(...payloads, 'ok'),
        (pieces, x, y) => {
          const script = rendered(`{% raw %}{% endraw %}${pieces.join('')}`, { x, y })
          if (script === undefined || !/canary/.test(script)) return
          for (const shell of shells) {
            const prelude = 'canary() { echo RAN >&2; }; PATH=/nowhere\n'
            const { stderr } = spawnSync(shell, ['-c', prelude + script], {
              encoding: 'utf8',
              timeout: 5000,
              cwd: '/proc',
            })
            assert.doesNotMatch(stderr, /^RAN$/m, `${shell} ran the value in ${JSON.stringify(script)}`)
          }
        },
      ),
      { numRuns: runs * 5 },
    )
  })

  for (const [template, x, why] of [
    ['echo \\{{ x }}', 'a', 'a \\ stands right before it'],
    [`echo "\${{ x }}"`, 'HOME', 'a $ stands right before it'],
    ['echo "$(case a in b) echo;; a) echo {{ x }};; esac)"', 'a;b', 'too intricate'],
    ["sh -c 'echo {{ x }}'", 'a;b', 'another interpreter'],
    ['ssh host "echo {{ x }}"', 'a;b', 'another interpreter'],
    ['echo $(( {{ x }} + 1 ))', 'a[0]', 'only whole numbers'],
    ['a[{{ x }}]=1', 'b[$(id)]', 'only whole numbers'],
    ['a[|<<E\n]{{ x }}', 'a b', 'a subscript'],
    ["cat <<'END'\n{{ x }}\nEND\n", 'a\nEND\nb', 'ends the here-document END'],
    ['echo {{ x }}', 'a\0b', 'NUL'],
  ] as const) {
    it(`is refused where no quoting would hold: ${JSON.stringify(template)}`, () => {
      assert.throws(
        () => renderShell(template, { x }),
        (error) => isProblem(error, 'invalid') && error.message.includes(why),
      )
    })
  }

  it('stays as it is with the filter raw, and is followed like the script itself', () => {
    assert.equal(renderShell('{{ a | raw }} {{ b }}', { a: 'echo "x', b: '$(id)' }), 'echo "x \\$(id)')
  })

  it('stays bare when nothing in it has a meaning', () => {
    assert.equal(renderShell('ping {{ ip }} {{ n }}', { ip: '10.0.0.1', n: 3 }), 'ping 10.0.0.1 3')
  })

  it('is JSON when it is a list or a map', () => {
    assert.equal(renderShell('echo {{ x }}', { x: { a: [1, "it's"] } }), `echo '{"a":[1,"it'\\''s"]}'`)
  })
})

function rendered(template: string, scope: Record<string, unknown>): string | undefined {
  try {
    return renderShell(template, scope)
  } catch (error) {
    assert.ok(isProblem(error, 'invalid'), String(error))
  }
}
