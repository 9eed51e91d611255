import { spawn } from 'node:child_process'
import { type AddressInfo, createServer } from 'node:net'
import ssh2, { type Session } from 'ssh2'
import { newKeyPair } from '#kit/ssh-key.ts'

/** Git over SSH without anything of ours: what every push costs by itself. Lets everybody in, serves one folder. */
export async function serveBare(folder: string): Promise<{ port: number } & AsyncDisposable> {
  const ssh = new ssh2.Server({ hostKeys: [newKeyPair('bench').private] }, (client) => {
    client.on('error', () => {})
    client.on('authentication', (context) =>
      context.method === 'publickey' ? context.accept() : context.reject(['publickey']),
    )
    client.on('session', (accept) => serve(accept() as unknown as Session, folder))
  })
  const server = createServer({ noDelay: true }, (socket) => ssh.injectSocket(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function serve(session: Session, folder: string): void {
  session.on('exec', (accept) => {
    const channel = accept()
    // As durable as ours: what is acknowledged has reached the disk.
    const git = spawn('git', ['-c', 'core.fsync=all', '-c', 'core.fsyncMethod=fsync', 'receive-pack', folder])
    channel.pipe(git.stdin)
    git.stdout.pipe(channel, { end: false })
    git.stderr.pipe(channel.stderr, { end: false })
    git.on('close', (code) => {
      channel.exit(code ?? 1)
      channel.end()
    })
  })
}
