import Type from 'typebox'
import { quote } from '../quote.ts'
import { change, type Entry, type Kind, type Resource, unchanged } from './kind.ts'
import { above, ownerIds } from './owner.ts'
import { Account, Path } from './pattern.ts'

export interface Certificate extends Resource {
  path: string
  key: string
  names: string[]
  /** It is valid for, and made anew when fewer are left. */
  days: number
  renew: number
  owner: string
  group: string
}

const Name = Type.String({
  pattern: '^(\\*\\.)?[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$',
  description: 'host name or IP address',
})

/** A certificate that signs itself, with its key; made anew before it expires. */
export const certificateKind: Kind<Certificate> = {
  name: 'certificate',
  schema: Type.Object({
    certificate: Path,
    key: Path,
    names: Type.Array(Name, { minItems: 1 }),
    days: Type.Optional(Type.Integer({ minimum: 1, maximum: 36500 })),
    renew: Type.Optional(Type.Integer({ minimum: 0 })),
    owner: Type.Optional(Account),
    group: Type.Optional(Account),
  }),
  refuse: ({ days = 365, renew = 30 }) =>
    Number(renew) < Number(days) ? undefined : `renew must be less than days, got ${renew} and ${days}`,
  wish(path, { key, names, days = 365, renew = 30, owner = 'root', group = owner }) {
    return {
      id: `certificate:${path}`,
      path,
      key: key as string,
      names: names as string[],
      days: days as number,
      renew: renew as number,
      owner: owner as string,
      group: group as string,
    }
  },
  implies: (wish) => [
    ...above(wish.path),
    ...above(wish.key),
    ...ownerIds({ ...wish, mode: '' }),
    'package:openssl',
  ],
  ask(wish, questions) {
    const { path, key, renew } = wish as Certificate
    questions.paths.add(path).add(key)
    questions.answers.set(
      wish.id,
      `c=${quote(path)} k=${quote(key)}
openssl x509 -in "$c" -noout -ext subjectAltName | sed -n '2s/\\(DNS\\|IP Address\\)://gp' | tr -d ' '
openssl x509 -in "$c" -noout -checkend ${renew * 86_400} >/dev/null && echo fresh
openssl x509 -in "$c" -noout -enddate
[ "$(openssl x509 -in "$c" -noout -pubkey)" = "$(openssl pkey -in "$k" -pubout)" ] && echo pair`,
    )
  },
  plan(wish, state, { owned }) {
    const found = state.files.has(wish.path) && state.files.has(wish.key)
    const changes = found ? whatIsWrong(wish, state.answers.get(wish.id) ?? '') : ['none -> made']
    if (changes.length === 0) return unchanged(`certificate ${wish.path} is for ${wish.names.join(', ')}`)
    const names = wish.names.map((name) => (isAddress(name) ? `IP:${name}` : `DNS:${name}`)).join(',')
    return change(
      `certificate ${wish.path}: ${changes.join(', ')}`,
      `make_certificate ${quote([wish.path, wish.key, `${wish.owner}:${wish.group}`, String(wish.days), wish.names[0] ?? '', names, owned ? '' : 'keep'])}`,
      { creates: !state.files.has(wish.path) && !state.files.has(wish.key) },
    )
  },
  entry: ({ path, key, names, days, renew, owner, group }) => ({
    path,
    key,
    names,
    days,
    renew,
    owner,
    group,
  }),
  remove(owned, state) {
    const { path, key } = owned as Entry & { path: string; key: string }
    const there = [path, key].filter((one) => state.files.has(one))
    if (there.length === 0) return unchanged(`certificate ${path} is gone`)
    return change(
      `remove certificate ${path} and its key`,
      there.map((one) => `(remove_file ${quote(one)})`).join('\n'),
    )
  },
}

function whatIsWrong(wish: Certificate, answer: string): string[] {
  const lines = answer.split('\n')
  const names = lines.find((line) => !/^(fresh|pair|notAfter=.*|)$/.test(line)) ?? ''
  const ends = lines.find((line) => line.startsWith('notAfter='))?.slice(9) ?? 'unknown'
  const same = names.split(',').toSorted().join() === wish.names.toSorted().join()
  return [
    ...(same ? [] : [`names ${names || 'none'} -> ${wish.names.join(',')}`]),
    ...(lines.includes('fresh') ? [] : [`it ends ${ends} -> in ${wish.days} days`]),
    ...(lines.includes('pair') ? [] : ['its key does not fit -> a new pair']),
  ]
}

const isAddress = (name: string) => /^[0-9.]+$/.test(name) || name.includes(':')
