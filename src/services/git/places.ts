import { access, constants, mkdir, realpath, writeFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { Problem } from '#kit/problem.ts'
import { isRepoId } from './names.ts'

/** Where things lie below the data folder. */
export interface Places {
  repositories: string
  hooks: string
  /** HOME of every git process; stays empty. */
  home: string
  trash: string
  hostKey: string
}

export async function openPlaces(
  folder: string,
  hookFiles: Readonly<Record<string, string>>,
): Promise<Places> {
  const base = join(folder, 'git')
  await mkdir(base, { recursive: true, mode: 0o700 })
  const root = await realpath(base)
  const places: Places = {
    repositories: join(root, 'repositories'),
    hooks: join(root, 'hooks'),
    home: join(root, 'home'),
    trash: join(root, 'trash'),
    hostKey: join(root, 'ssh_host_ed25519_key'),
  }
  for (const path of [places.repositories, places.hooks, places.home, places.trash])
    await mkdir(path, { recursive: true, mode: 0o700 })
  for (const [name, text] of Object.entries(hookFiles)) await installHook(join(places.hooks, name), text)
  return places
}

/** Git passes over a hook that it cannot execute, and a push would go unjudged: so that is refused at the start. */
async function installHook(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o755 })
  await access(path, constants.X_OK).catch((cause) => {
    throw new Problem(
      'internal',
      { reason: `${path} cannot be executed; put the data folder on a file system without noexec` },
      { cause },
    )
  })
}

/** The folder of a repository; `repo` must be a good name, so it cannot lead anywhere else. */
export function repositoryPath(places: Places, repo: string): string {
  if (!isRepoId(repo)) throw new Problem('invalid', { reason: `${JSON.stringify(repo)} is not OWNER/NAME` })
  return join(places.repositories, `${repo}.git`)
}

/** As above, with every link on the way followed: a folder that leads out of the root is refused. */
export async function containedPath(places: Places, repo: string): Promise<string> {
  const path = repositoryPath(places, repo)
  const real = await realpath(path).catch((cause) => {
    throw new Problem('internal', { reason: `the folder of ${repo} is missing` }, { cause })
  })
  if (real !== path || !real.startsWith(places.repositories + sep))
    throw new Problem('internal', { reason: `the folder of ${repo} leads out of the data folder` })
  return real
}
