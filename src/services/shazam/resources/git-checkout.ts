import Type from 'typebox'
import { quote } from '../quote.ts'
import { sha256 } from './file.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'
import { loginOptions, withoutLogin } from './login.ts'
import { above } from './owner.ts'
import { Account, Line, Path } from './pattern.ts'

export interface GitCheckout extends Resource {
  path: string
  repo: string
  /** Branch, tag or commit; the remote's own branch when absent. */
  version: string
  user: string
  /** Follow the remote at every sync. */
  update: boolean
}

const Ref = Type.String({ pattern: '^[A-Za-z0-9_][A-Za-z0-9_./+-]*$', description: 'branch, tag or commit' })

/** A repository, checked out at a version, by the user who owns it: its hooks and settings never run as root. */
export const gitCheckoutKind: Kind<GitCheckout> = {
  name: 'git_checkout',
  schema: Type.Object({
    git_checkout: Path,
    repo: Line,
    version: Type.Optional(Ref),
    user: Type.Optional(Account),
    update: Type.Optional(Type.Boolean()),
  }),
  refuse: ({ repo }) => (String(repo).startsWith('-') ? 'repo must be an address or a path' : undefined),
  wish: (path, { repo, version = 'HEAD', user = 'root', update = false }) => ({
    id: `git_checkout:${path}`,
    path,
    repo: repo as string,
    version: version as string,
    user: user as string,
    update: update as boolean,
  }),
  implies: ({ path, user }) => [...above(path), `directory:${path}`, `user:${user}`, 'package:git'],
  ask(wish, questions) {
    const { path, version, user, update, repo } = wish as GitCheckout
    questions.paths.add(`${path}/.git`)
    const look = `export HOME=~${user}
cd ${quote(path)} || exit
printf '%s\\t%s\\n' "$(git config remote.origin.url)" "$([ ! -f .git/${LOGIN} ] || sha256sum <.git/${LOGIN} | cut -d ' ' -f 1)"
git rev-parse HEAD
${update ? atRemote(repo, version) : fetched(version)}`
    questions.answers.set(wish.id, asUser(user, look))
  },
  plan(wish, state) {
    const { address, login, host } = withoutLogin(wish.repo)
    const script = `git_checkout ${quote([wish.path, address, wish.version, wish.user, ...(login ? [login, host] : [])])}`
    if (!state.files.has(`${wish.path}/.git`))
      return change(`clone ${address} to ${wish.path}, version ${wish.version}`, script, { creates: true })
    const [remote = '', head = '', wanted = ''] = (state.answers.get(wish.id) ?? '').split('\n')
    const [repo = '', held = ''] = remote.split('\t')
    const changes = [
      ...(repo === address ? [] : [`repo ${withoutLogin(repo).address || 'none'} -> ${address}`]),
      ...(held === (login ? sha256(`${login}\n`) : '')
        ? []
        : [`login ${login ? 'other -> written' : '-> none'}`]),
      ...(head === wanted && head ? [] : [`version ${short(head)} -> ${short(wanted)} (${wish.version})`]),
    ]
    if (changes.length === 0) return unchanged(`${wish.path} is at ${short(head)}`)
    return change(`git checkout ${wish.path}: ${changes.join(', ')}`, script)
  },
  entry: ({ path, repo, version, user, update }) => ({ path, repo, version, user, update }),
  keepsBefore: true,
  remove(owned, state) {
    const { path, user } = owned as unknown as GitCheckout
    if (!state.files.has(`${path}/.git`)) return unchanged(`git checkout ${path} is gone`)
    return change(
      `remove git checkout ${path}, unless it holds what is not at its remote`,
      `remove_checkout ${quote([path, user])}`,
    )
  },
}

/** In `.git`, for its user alone. */
const LOGIN = 'devops-credential'

/** By its environment, which nobody else reads. */
const asUser = (user: string, lines: string) =>
  `devops_look=${quote(lines)} runuser -u ${quote(user)} -- sh -c 'text=$devops_look; unset devops_look; eval "$text"'`

/** In the order of what counts: a branch before a tag, as in `git clone --branch`. A whole name is that ref alone. */
function refsOf(version: string): string[] {
  if (version === 'HEAD') return ['HEAD']
  if (version.startsWith('refs/')) return [`${version}^{}`, version]
  return [`refs/heads/${version}`, `refs/tags/${version}^{}`, `refs/tags/${version}`]
}

/** `ls-remote` takes a pattern for the end of a name: for it `main` is `users/main` as well. */
function atRemote(repo: string, version: string): string {
  const given = withoutLogin(repo)
  const login = given.login === undefined ? '' : `export login=${quote(given.login)}\n`
  return `${login}found=$(git ${loginOptions(given)}ls-remote -- ${quote([given.address, ...refsOf(version)])} | names=${quote(refsOf(version).join(' '))} awk -F '\t' '
  { at[$2] = $1 }
  END { n = split(ENVIRON["names"], name, " "); for (i = 1; i <= n; i++) if (name[i] in at) { print at[name[i]]; exit } }')
if [ -n "$found" ]; then printf '%s\n' "$found"; exit; fi
${commitNamed(version)}`
}

/** As it was when we last fetched. */
const fetched = (version: string) =>
  `for ref in ${quote(fetchedRefs(version))}; do git rev-parse -q --verify "$ref^{commit}" && exit; done
${commitNamed(version)}`

function fetchedRefs(version: string): string[] {
  const [, kind, name] = /^refs\/(heads|tags)\/(.+)$/.exec(version) ?? []
  if (kind === 'heads') return [`refs/remotes/origin/${name}`]
  if (kind === 'tags') return [`refs/devops/tags/${name}`, version]
  if (version.startsWith('refs/')) return ['refs/devops/version']
  return [`refs/remotes/origin/${version}`, `refs/devops/tags/${version}`, `refs/tags/${version}`]
}

const commitNamed = (version: string) =>
  /^[0-9a-f]{5,64}$/.test(version) ? `git rev-parse -q --verify ${quote(`${version}^{commit}`)}` : ':'

const short = (commit: string) => commit.slice(0, 12) || 'unknown'
