import type { Input, Output } from '#contracts'
import { openProvider } from './credentials.ts'
import type { Shazam } from './shazam.ts'

/** What can be written as size, location and image of a node at a provider. */
export const listOffers =
  (shazam: Pick<Shazam, 'bus' | 'providers'>) =>
  async ({ repo, provider: name, credential }: Input<'shazam.offers'>): Promise<Output<'shazam.offers'>> => {
    const descriptor = { name, ...(credential !== undefined && { credential }) }
    const provider = await openProvider(shazam, { repo, node: null }, descriptor, 'offers')
    const [sizes, locations, images] = await Promise.all([
      provider.sizes(),
      provider.locations(),
      provider.images(),
    ])
    return { sizes, locations, images }
  }
