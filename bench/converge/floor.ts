import { Client } from 'ssh2'
import type { Secret } from '#kit/secret.ts'
import { algorithms } from '#kit/ssh-algorithms.ts'

/** Plain shell over open ssh2 connections, one a node: as little as anybody could do. */
export interface Floor extends Disposable {
  /** The same shell text as root on the first so many nodes, all at once; throws when one fails. Gives their output. */
  run(nodes: number, script: string): Promise<string[]>
  /** A command with bytes on its input. */
  pipe(nodes: number, command: string, input: Buffer): Promise<void>
}

export async function openFloor(hosts: readonly string[], privateKey: Secret): Promise<Floor> {
  const clients = await Promise.all(hosts.map((host) => connect(host, privateKey)))
  const first = (nodes: number) => clients.slice(0, nodes)
  return {
    run: (nodes, script) =>
      Promise.all(first(nodes).map((client) => exec(client, 'exec sudo -n sh', script))),
    async pipe(nodes, command, input) {
      await Promise.all(first(nodes).map((client) => exec(client, command, input)))
    },
    [Symbol.dispose]() {
      for (const client of clients) client.destroy()
    },
  }
}

function connect(host: string, privateKey: Secret): Promise<Client> {
  return new Promise((done, fail) => {
    const client = new Client()
    client.once('ready', () => {
      client.setNoDelay(true)
      done(client)
    })
    client.on('error', fail)
    client.connect({ host, username: 'devops', privateKey: privateKey.reveal(), algorithms })
  })
}

function exec(client: Client, command: string, input: string | Buffer): Promise<string> {
  return new Promise((done, fail) => {
    client.exec(command, (error, channel) => {
      if (error) return fail(error)
      const chunks: Buffer[] = []
      let errors = ''
      channel.on('data', (chunk: Buffer) => chunks.push(chunk))
      channel.stderr.on('data', (chunk: Buffer) => {
        errors += chunk
      })
      let code: number | null = null
      channel.on('exit', (status: number | null) => {
        code = status
      })
      channel.once('close', () =>
        code === 0 ? done(Buffer.concat(chunks).toString()) : fail(new Error(`exit ${code}: ${errors}`)),
      )
      channel.end(input)
    })
  })
}
