import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { bad, type Check, good, warning } from './check.ts'

const run = promisify(execFile)

const NTP =
  'Keep the clock accurate: `timedatectl set-ntp true`, or chrony. In a container, its host does that.'

/** Whether a time server keeps the clock of this machine accurate. */
export async function checkClock(): Promise<Check[]> {
  const args = ['show', '-p', 'NTPSynchronized', '--value']
  const answer = await run('timedatectl', args, { timeout: 5000 }).catch(() => undefined)
  if (answer?.stdout.trim() === 'yes') return [good('clock', 'a time server keeps it accurate')]
  const says = answer
    ? 'no time server keeps it accurate'
    : 'unknown whether a time server keeps it accurate: timedatectl does not answer'
  return [warning('clock', says, NTP)]
}

/** Where the platform looks for git, and the first version with all that it asks of it (`safe.bareRepository`). */
const GIT_PATH = '/usr/local/bin:/usr/bin:/bin'
const LEAST_GIT = 38
const INSTALL = `Install Git 2.${LEAST_GIT} or newer: apt-get install git`

export async function checkGit(path = GIT_PATH): Promise<Check[]> {
  const env = { PATH: path, LC_ALL: 'C' }
  const answer = await run('git', ['--version'], { timeout: 5000, env }).catch((error: Error) => error)
  if (answer instanceof Error) {
    const gone = (answer as NodeJS.ErrnoException).code === 'ENOENT'
    return [bad('git', gone ? `there is none in ${path}` : `it does not run: ${answer.message}`, INSTALL)]
  }
  const [version, major, minor] = /(\d+)\.(\d+)(?:\.\d+)*/.exec(answer.stdout) ?? []
  if (version === undefined)
    return [bad('git', `its version cannot be read: ${answer.stdout.trim()}`, INSTALL)]
  const fits = Number(major) > 2 || (Number(major) === 2 && Number(minor) >= LEAST_GIT)
  return [fits ? good('git', version) : bad('git', `${version} is too old`, INSTALL)]
}
