import { readFileSync } from 'node:fs'
import { dockerAnswers, startDocker } from './docker.ts'
import { buildNodeImages, hasNodeImages } from './image.ts'
import { hasRoom, makeRoom } from './limits.ts'
import { asRoot, run, succeeds } from './shell.ts'

export { stopOwnDocker } from './docker.ts'
export { nodeImage } from './image.ts'
export { cache, root } from './shell.ts'

interface Part {
  what: string
  /** What to expect while it is brought. */
  hint: string
  present(): boolean
  bring(onLine: (line: string) => void): Promise<void>
}

const onPath = (program: string) => (): boolean => succeeds('sh', '-c', `command -v ${program}`)

/** Debian's package and how to see that it is not needed. */
const programs: [debianPackage: string, present: () => boolean][] = [
  ['git', onPath('git')],
  ['openssh-client', onPath('ssh-keygen')],
  ['docker.io', () => dockerAnswers() || (onPath('dockerd')() && onPath('docker')())],
  ['iptables', () => dockerAnswers() || onPath('iptables')()],
  ['debootstrap', () => (dockerAnswers() && hasNodeImages()) || onPath('debootstrap')()],
]

const parts: Part[] = [
  {
    what: 'programs',
    hint: 'apt-get, about 30 s',
    present: () => missingPrograms().length === 0,
    bring: installPrograms,
  },
  { what: 'Docker engine', hint: 'a few seconds', present: dockerAnswers, bring: startDocker },
  { what: 'room for many nodes', hint: 'a moment', present: hasRoom, bring: makeRoom },
  {
    what: 'node images',
    hint: 'Debian 12 and 13 with systemd and sshd, one to two minutes',
    present: hasNodeImages,
    bring: buildNodeImages,
  },
]

/** Brings what this machine lacks to run nodes as containers; says what it does, and nothing when all is there. */
export async function setUp(say: (text: string) => void = console.error): Promise<void> {
  for (const part of parts) {
    if (part.present()) continue
    say(`Setting up: ${part.what} (${part.hint}) …`)
    const started = Date.now()
    await part.bring(progress(say))
    say(`Setting up: ${part.what}: done in ${Math.round((Date.now() - started) / 1000)} s`)
  }
}

/** At most one line in five seconds: enough to see that it lives. */
function progress(say: (text: string) => void): (line: string) => void {
  let last = Date.now()
  return (line) => {
    if (Date.now() - last < 5000) return
    last = Date.now()
    say(`  ${line.slice(0, 100)}`)
  }
}

/** Seconds that another apt at work is waited for. */
const waitForApt = ['-o', 'DPkg::Lock::Timeout=300']

function missingPrograms(): string[] {
  process.env.PATH = `${process.env.PATH}:/usr/sbin:/sbin`
  return programs.filter(([, present]) => !present()).map(([name]) => name)
}

async function installPrograms(onLine: (line: string) => void): Promise<void> {
  const missing = missingPrograms()
  if (!isDebian())
    throw new Error(`please install: ${missing.join(', ')} (automatic only on Debian and Ubuntu)`)
  await run(asRoot(['apt-get', ...waitForApt, 'update', '-q']), onLine)
  await run(
    asRoot(['apt-get', ...waitForApt, 'install', '-qy', '--no-install-recommends', ...missing]),
    onLine,
  )
}

/** A program that only some of our tools need. */
export async function ensureProgram(program: string, debianPackage: string): Promise<void> {
  if (onPath(program)()) return
  if (!isDebian()) throw new Error(`please install ${debianPackage}`)
  console.error(`Setting up: ${debianPackage} …`)
  await run(asRoot(['apt-get', ...waitForApt, 'update', '-q']))
  await run(asRoot(['apt-get', ...waitForApt, 'install', '-qy', '--no-install-recommends', debianPackage]))
}

function isDebian(): boolean {
  try {
    return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
}

if (import.meta.main) {
  try {
    await setUp()
  } catch (error) {
    console.error(`Set-up stopped: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
