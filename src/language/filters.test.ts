import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isProblem } from '#kit/problem.ts'
import { render, renderText } from './index.ts'
import { renderShell } from './shell.ts'

test('an address is in brackets before a port when it is IPv6, and not twice', () => {
  const at = (ip: unknown) => render('{{ app.ip | host }}:3000', { app: { ip } })
  assert.equal(at('10.0.0.5'), '10.0.0.5:3000')
  assert.equal(at('app.example.com'), 'app.example.com:3000')
  assert.equal(at('fd00::2'), '[fd00::2]:3000')
  assert.equal(at('[fd00::2]'), '[fd00::2]:3000')
  assert.equal(at('::ffff:10.0.0.5'), '[::ffff:10.0.0.5]:3000')
  assert.equal(at('unix:/run/app.sock'), 'unix:/run/app.sock:3000')
  assert.equal(at(null), ':3000')
  assert.equal(render('{{ app.ip | host }}', { app: { ip: 'fd00::2' } }), '[fd00::2]')
  assert.equal(
    renderShell('curl http://{{ ip | host }}:80/', { ip: 'fd00::2' }),
    "curl http://'[fd00::2]':80/",
  )
})

test('assignments become lines that systemd and a shell read alike, whatever the values hold', () => {
  const lines = (env: unknown) => renderText('{{ env | environment_file }}', { env })
  assert.equal(lines(null), '')
  assert.equal(lines('  PORT=3000   TITLE="The shop" '), 'PORT="3000"\nTITLE="The shop"\n')
  assert.equal(lines(`"A=a 'b'" 'B=say "x"' C=`), 'A="a \'b\'"\nB="say \\"x\\""\nC=""\n')
  assert.equal(lines('KEY=$HOME`id`%h=1'), 'KEY="\\$HOME\\`id\\`%h=1"\n')
})

test('what is no assignment is refused without its value', () => {
  for (const [env, reason] of [
    ['PORT=3000 hunter22', /assignment 2 .* is not KEY=value/],
    ['3A=hunter22', /assignment 1 .* is not KEY=value/],
    ['A="hunter22', /a " of an environment is not closed/],
  ] as const)
    assert.throws(
      () => renderText('{{ env | environment_file }}', { env }),
      (error) => isProblem(error, 'invalid') && reason.test(error.message) && !/hunter22/.test(error.message),
    )
})
