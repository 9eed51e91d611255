import Type from 'typebox'
import { quote } from '../quote.ts'
import { change, type Kind, type Resource, unchanged } from './kind.ts'
import { Account, Line, Path } from './pattern.ts'

/** A package of npm, pip or RubyGems; installed for everybody, or in a folder of its own. */
export interface LanguagePackage extends Resource {
  name: string
  /** Exact; any when absent. */
  version?: string
  /** `from` of a descriptor, in place of the public registry: a path, file or address. */
  source?: string
  /** pip: a virtual environment, made when it is not there. */
  venv?: string
  user: string
}

interface Manager {
  name: string
  pattern: string
  /** Packages that it needs itself. */
  needs: string[]
  keys?: Record<string, Type.TSchema>
  /** Shell lines that print the installed version. */
  look(wish: LanguagePackage): string
  install(wish: LanguagePackage): string
  remove(wish: LanguagePackage): string
}

/** Files are read and no manager is started: they take half a second each. */
const managers: Manager[] = [
  {
    name: 'npm',
    pattern: '^(@[a-z0-9._-]+/)?[a-z0-9][a-z0-9._-]*$',
    needs: ['package:npm', 'package:nodejs'],
    look: ({ name }) =>
      `sed -n 's/.*"version": *"\\([^"]*\\)".*/\\1/p' ${['/usr/local/lib', '/usr/lib'].map((folder) => quote(`${folder}/node_modules/${name}/package.json`)).join(' ')} | head -n 1`,
    install: ({ name, version, source }) =>
      `npm install --global --no-audit --no-fund --loglevel=error -- ${quote(source ?? (version ? `${name}@${version}` : name))}`,
    // It leaves the folders behind that it made for the first one, that of a scope too.
    remove: ({ name }) =>
      `npm uninstall --global --loglevel=error -- ${quote(name)}
(cd /usr/local/lib && rmdir -p -- ${quote(`node_modules/${name}`.replace(/\/[^/]*$/, ''))}) 2>/dev/null || :`,
  },
  {
    name: 'pip',
    pattern: '^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$',
    needs: ['package:python3-pip', 'package:python3-venv', 'package:python3'],
    keys: { venv: Type.Optional(Path) },
    look: ({ name, venv }) =>
      `find ${venv ? quote(`${venv}/lib`) : '/usr/local/lib /usr/lib/python3'} -maxdepth 3 -iname ${quote(`${distribution(name)}-*.dist-info`)} | sed 's/.*-\\([^-]*\\)\\.dist-info$/\\1/' | head -n 1`,
    install: ({ name, version, source, venv }) => {
      const what = quote(version && !source ? `${name}==${version}` : (source ?? name))
      const options = '-q --disable-pip-version-check --root-user-action=ignore'
      return venv
        ? `[ -x ${quote(`${venv}/bin/pip`)} ] || python3 -m venv ${quote(venv)}\n${quote(`${venv}/bin/pip`)} install ${options} ${what}`
        : `pip3 install ${options} $(pip_may) ${what}`
    },
    remove: ({ name, venv }) =>
      venv
        ? `${quote(`${venv}/bin/pip`)} uninstall -q -y ${quote(name)}`
        : `pip3 uninstall -q -y $(pip_may) ${quote(name)}`,
  },
  {
    name: 'gem',
    pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]*$',
    needs: ['package:ruby', 'package:ruby-full', 'package:ruby-dev'],
    look: ({ name }) =>
      `find /var/lib/gems /usr/local/lib/ruby/gems /usr/share/rubygems-integration -path '*/specifications/*' -name ${quote(`${name}-[0-9]*.gemspec`)} | sed 's/.*-\\([0-9][^-]*\\)\\.gemspec$/\\1/' | sort -V | tail -n 1`,
    // No `--` before the name: what follows that one is for the build of native extensions.
    install: ({ name, version, source }) =>
      `gem install --no-document ${version && !source ? `--version ${quote(version)} ` : ''}${quote(source ?? name)}`,
    remove: ({ name }) => `gem uninstall --all --executables --ignore-dependencies ${quote(name)}`,
  },
]

/** How pip writes a name in file names. */
const distribution = (name: string) => name.replace(/[-_.]+/g, '[-_.]')

export const languagePackageKinds = managers.map(kindFor)

function kindFor(manager: Manager): Kind<LanguagePackage> {
  const { name: kind } = manager
  return {
    name: kind,
    schema: Type.Object({
      [kind]: Type.String({ pattern: manager.pattern, description: `name of a package of ${kind}` }),
      version: Type.Optional(
        Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9.+-]*$', description: 'exact version, in quotes' }),
      ),
      from: Type.Optional(Line),
      user: Type.Optional(Account),
      ...manager.keys,
    }),
    refuse: ({ from }) => (String(from ?? '').startsWith('-') ? 'from must be a path or address' : undefined),
    wish: (name, { version, from, venv, user = 'root' }) => ({
      id: venv ? `${kind}:${name} in ${venv}` : `${kind}:${name}`,
      name,
      ...(version === undefined ? {} : { version: version as string }),
      ...(from === undefined ? {} : { source: from as string }),
      ...(venv === undefined ? {} : { venv: venv as string }),
      user: user as string,
    }),
    implies: ({ user, venv }) => [...manager.needs, `user:${user}`, ...(venv ? [`directory:${venv}`] : [])],
    ask: (wish, questions) => void questions.answers.set(wish.id, manager.look(wish as LanguagePackage)),
    plan(wish, state) {
      const found = state.answers.get(wish.id) ?? ''
      if (found && (wish.version === undefined || found === wish.version))
        return unchanged(`${kind} package ${wish.name} ${found} is installed`)
      return change(
        `${kind} package ${wish.name}: ${found || 'none'} -> ${wish.version ?? 'newest'}`,
        as(wish, manager.install(wish)),
        { creates: !found },
      )
    },
    entry: ({ name, version, venv, user, source }) => ({
      name,
      user,
      ...(version === undefined ? {} : { version }),
      ...(venv === undefined ? {} : { venv }),
      ...(source === undefined ? {} : { source }),
    }),
    keepsBefore: true,
    remove(owned, state) {
      const found = state.answers.get(owned.id)
      if (!found) return unchanged(`${kind} package ${owned.name} is gone`)
      const wish = owned as unknown as LanguagePackage
      return change(`remove ${kind} package ${owned.name} ${found}`, as(wish, manager.remove(wish)))
    },
  }
}

const as = ({ user }: LanguagePackage, script: string) =>
  user === 'root' ? script : `as_user ${quote([user, script])}`
