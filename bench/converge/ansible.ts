import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ensureProgram } from '#tools/setup/index.ts'
import { playbook } from './resources.ts'

const run = promisify(execFile)
const MITOGEN = '/usr/lib/python3/dist-packages/ansible_mitogen/plugins/strategy'

/** Seconds after which one that has nothing, or one file, to change is ended: who waits for it has seen enough. */
export const CAP = 150

export class Capped extends Error {}

export interface Ansible {
  /** The playbook on the first so many hosts; `text` is what its last file holds. */
  play(hosts: number, text?: string): Promise<void>
  /** The same, ended after so many seconds. Throws Capped. */
  playCapped(hosts: number, text?: string): Promise<void>
  /** One command on the first so many hosts. */
  command(hosts: number): Promise<void>
}

interface Where {
  folder: string
  hosts: readonly string[]
  keyFile: string
}

export async function bringAnsible({ mitogen }: { mitogen: boolean }): Promise<void> {
  await ensureProgram('ansible-playbook', 'ansible')
  if (mitogen && !existsSync(MITOGEN)) await ensureProgram('no program of its own', 'ansible-mitogen')
}

/** As its users set it up for speed: pipelining, connections that are kept, 50 forks. */
export function openAnsible(where: Where, { mitogen }: { mitogen: boolean }): Ansible {
  const folder = join(where.folder, mitogen ? 'mitogen' : 'ansible')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'inventory'), `${where.hosts.join('\n')}\n`)
  writeFileSync(join(folder, 'site.yml'), playbook)
  writeFileSync(join(folder, 'ansible.cfg'), configuration(folder, where.keyFile, mitogen))
  const start = (program: string, hosts: number, args: string[]) =>
    run(program, [...args, '--limit', where.hosts.slice(0, hosts).join(',')], {
      cwd: folder,
      maxBuffer: 256 * 1024 * 1024,
    })
  return {
    async play(hosts, text = 'first') {
      await start('ansible-playbook', hosts, ['site.yml', '-e', `text=${text}`])
    },
    async playCapped(hosts, text = 'first') {
      const args = [
        '-s',
        'INT',
        '-k',
        '10',
        String(CAP),
        'ansible-playbook',
        'site.yml',
        '-e',
        `text=${text}`,
      ]
      await start('timeout', hosts, args).catch((error: Error & { code?: unknown }) => {
        throw error.code === 124 || error.code === 137 ? new Capped() : error
      })
    },
    async command(hosts) {
      await start('ansible', hosts, ['all', '-m', 'command', '-a', 'hostname'])
    },
  }
}

const configuration = (folder: string, keyFile: string, mitogen: boolean): string => `[defaults]
inventory = inventory
remote_user = devops
private_key_file = ${keyFile}
host_key_checking = false
forks = 50
interpreter_python = /usr/bin/python3
${mitogen ? `strategy_plugins = ${MITOGEN}\nstrategy = mitogen_linear\n` : ''}
[ssh_connection]
pipelining = true
control_path_dir = ${join(folder, 'cp')}
ssh_args = -C -o ControlMaster=auto -o ControlPersist=10m -o UserKnownHostsFile=/dev/null
`
