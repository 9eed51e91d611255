import { isIP } from 'node:net'
import { Problem } from '#kit/problem.ts'

type SystemError = NodeJS.ErrnoException & { address?: string; port?: number; hostname?: string }

/** What stopped a start, as a sentence that says what to do; the error itself when it is none of the system's. */
export function startFailure(error: unknown): unknown {
  const { code, syscall, port, path, ...more } = error as SystemError
  const reason =
    syscall === 'listen' || syscall === 'bind'
      ? listening(code, more.address ?? '', port ?? 0)
      : syscall === 'getaddrinfo'
        ? noAddress(more.hostname ?? '')
        : code === 'ENOENT' && syscall === 'open'
          ? `There is no file ${path}`
          : undefined
  return reason === undefined ? error : new Problem('conflict', { reason })
}

function listening(code: string | undefined, address: string, port: number): string | undefined {
  if (code === 'EADDRINUSE')
    return `Port ${port} of ${address} is taken by another program: end that program, or choose another port`
  if (code === 'EADDRNOTAVAIL') return noAddress(address)
  if (code === 'EACCES')
    return `This user may not listen on port ${port}: choose a port above 1023, or run the platform as root`
  return undefined
}

const noAddress = (host: string) =>
  isIP(host) === 0
    ? `The name ${host} cannot be resolved: give --host an address of this machine, such as 127.0.0.1`
    : `This machine has no address ${host}: give --host one that it has, such as 127.0.0.1`
