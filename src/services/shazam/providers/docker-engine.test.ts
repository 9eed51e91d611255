import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { isProblem } from '#kit/problem.ts'
import { failOnLeaks } from '#testing/leaks.ts'
import { ownAddress } from '#testing/own-address.ts'
import { dockerProvider } from './docker.ts'
import { openEngine } from './docker-engine.ts'

failOnLeaks()

const { credential } = dockerProvider({ plane: 'test' })

for (const [address, reason] of [
  ['unix:///var/run/docker.sock', /must be like tcp:/],
  ['tcp://engine.example.org', /must be like tcp:/],
  ['tcp://engine.example.org:2376\nHost: x', /must be like tcp:/],
  ['tcp://user@engine.example.org:2376', /must be like tcp:/],
  ['tcp://engine.example.org:99999', /must be like tcp:/],
  ['tcp://127.0.0.1:2375', /not entered by address/],
  ['tcp://169.254.169.254:80', /not entered by address/],
  ['tcp://[::1]:2375', /not entered by address/],
  ['tcp://[::ffff:7f00:1]:2375', /not entered by address/],
  ['tcp://[64:ff9b::7f00:1]:2375', /not entered by address/],
  ['tcp://[2002:7f00:1::]:2375', /not entered by address/],
  ['tcp://[::7f00:1]:2375', /not entered by address/],
] as const)
  test(`an engine at ${JSON.stringify(address)} is refused`, () => {
    assert.throws(
      () => openEngine({ address }),
      (error) => isProblem(error, 'invalid') && reason.test(error.message),
    )
  })

test('a name that leads to this machine is refused when it is resolved', async () => {
  await assert.rejects(
    credential?.check({ address: 'tcp://localhost:2375' }) as Promise<string>,
    /not entered by address/,
  )
})

test('fields that the provider does not have are named, and a key without its certificate', () => {
  assert.throws(
    () => openEngine({ address: 'tcp://e.example:1', token: 'x' }),
    /has no field token, it has address/,
  )
  assert.throws(() => openEngine({ address: 'tcp://e.example:1', key: 'x' }), /cert and key belong together/)
})

test('an engine that answers says which it is; one that does not is refused', async () => {
  const own = ownAddress()
  // The engine of this machine, as if it were another's that listens on the network.
  const proxy = createServer((socket) => {
    const engine = connect('/var/run/docker.sock')
    socket.pipe(engine).pipe(socket)
    socket.on('error', () => engine.destroy())
    engine.on('error', () => socket.destroy())
  })
  proxy.listen(0, own)
  await once(proxy, 'listening')
  const { port } = proxy.address() as { port: number }
  const fields = { address: `tcp://${own}:${port}` }
  assert.match((await credential?.check(fields)) ?? '', /^Docker \d+/)
  const images = await credential?.open(fields).images()
  assert.ok(images?.some(({ id }) => id.startsWith('devops-node')))
  proxy.close()
  await once(proxy, 'close')
  await assert.rejects(credential?.check(fields) as Promise<string>, (error) => isProblem(error, 'provider'))
})
