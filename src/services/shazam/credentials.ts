import type { Input, Output } from '#contracts'
import type { RepoId } from '#contracts/ids.ts'
import { Problem } from '#kit/problem.ts'
import { nearest } from '#language'
import type { Descriptor, Provider } from './providers/index.ts'
import type { Shazam } from './shazam.ts'

type Parts = Pick<Shazam, 'bus' | 'providers'>

/** What the provider of a credential says of it. */
export const checkCredential =
  ({ providers }: Pick<Parts, 'providers'>) =>
  async ({
    provider: name,
    fields,
  }: Input<'shazam.check_credential'>): Promise<Output<'shazam.check_credential'>> => {
    return { said: await credentialOf(providerNamed(providers, name)).check(fields) }
  }

/** The provider as the credential of the descriptor opens it; as it is when the descriptor names none. */
export async function openProvider(
  { bus, providers }: Parts,
  { repo, node }: { repo: RepoId; node: string | null },
  descriptor: Descriptor,
  purpose: 'create' | 'find' | 'resize' | 'power' | 'destroy' | 'offers',
): Promise<Provider> {
  const { name, credential } = descriptor
  const provider = providerNamed(providers, name)
  if (credential === undefined) return provider
  const opener = credentialOf(provider)
  const use = { repo, node, name: credential, provider: name, purpose }
  const { fields } = await bus.ask('profiles.use_credential', use)
  return opener.open(fields)
}

function providerNamed(providers: Parts['providers'], name: string): Provider {
  const provider = providers.get(name)
  if (provider) return provider
  const near = nearest(name, providers.keys())
  const hint = near ? `did you mean "${near}"?` : `there are: ${[...providers.keys()].join(', ')}`
  throw new Problem('invalid', { reason: `unknown provider "${name}", ${hint}` })
}

function credentialOf(provider: Provider) {
  if (provider.credential) return provider.credential
  throw new Problem('invalid', { reason: `provider ${provider.name} takes no credential` })
}
