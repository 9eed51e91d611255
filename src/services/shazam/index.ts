import type { Service } from '#contracts/descriptors.ts'
import { type Outbound, openOutbound } from '#kit/outbound.ts'
import { defineService } from '#kit/service.ts'
import type { EngineRules } from '#language'
import { accessEvents, onAccess } from './access/index.ts'
import { findCommand } from './commands.ts'
import { checkCredential } from './credentials.ts'
import { findDrift } from './drift.ts'
import { linkNode } from './linking.ts'
import { workOnNode } from './nodes.ts'
import { listOffers } from './offers.ts'
import { planNodes } from './plans.ts'
import { switchPower } from './power.ts'
import { dockerProvider } from './providers/docker.ts'
import type { Provider } from './providers/index.ts'
import { sshProvider } from './providers/ssh.ts'
import { infrastructures, type Shazam } from './shazam.ts'
import { openBurials } from './steps/burials.ts'
import { workOnStep } from './steps/index.ts'
import { stopStep } from './steps/stop.ts'
import { openTransport } from './transport/index.ts'
import { trustKey } from './trust.ts'
import { createWishes } from './wishes.ts'

export interface ShazamOptions {
  catalog: readonly Service[]
  /** Tells the servers of this platform from those of another at the same provider. */
  plane: string
  /** Nodes and steps worked on at the same time in this process; 32 and 64 when absent. */
  concurrency?: { nodes?: number; steps?: number }
  /** Where nodes may be; nowhere on this machine nor its link when absent. */
  outbound?: Outbound
  /** What nodes may ask of the platform's own Docker engine; anything when absent. */
  engine?: EngineRules
  /** In place of those that the platform brings. */
  providers?: readonly Provider[]
}

/**
 * Both workers tell every failure of theirs as the end of the job. What is left to count is how often the platform was
 * killed with the job in hand: mostly that is no fault of the job.
 */
const DEATHS = 100

/** Applies changes to the real world. Owns no tables: what it knows, the registry keeps. */
export const shazam = defineService<ShazamOptions>({
  name: 'shazam',
  migrations: [],
  async start({ bus, clock, log, stack }, options) {
    const { catalog, plane, concurrency = {}, outbound = openOutbound() } = options
    const transport = stack.use(openTransport({ clock, log, outbound }))
    const list = options.providers ?? [dockerProvider({ plane, rules: options.engine }), sshProvider]
    const providers = new Map(list.map((provider) => [provider.name, provider]))
    const infrastructureAt = infrastructures(bus)
    const parts: Shazam = { bus, clock, log, catalog, transport, outbound, providers, infrastructureAt }
    const openWishes = createWishes(parts)

    stack.defer(bus.answer('shazam.plan', planNodes(parts, openWishes)))
    stack.defer(bus.answer('shazam.drift', findDrift(parts, openWishes)))
    stack.defer(bus.answer('shazam.check_credential', checkCredential(parts)))
    stack.defer(bus.answer('shazam.link', linkNode(parts)))
    stack.defer(bus.answer('shazam.trust', trustKey(parts)))
    stack.defer(bus.answer('shazam.offers', listOffers(parts)))
    stack.defer(bus.answer('shazam.power', switchPower(parts)))
    stack.defer(bus.answer('shazam.command', findCommand(parts)))
    stack.defer(bus.answer('shazam.stop_step', stopStep(parts)))
    stack.defer(bus.on('shazam.access', accessEvents, onAccess(parts)))
    stack.defer(
      bus.work('shazam.nodes', workOnNode(parts, openWishes), {
        concurrency: concurrency.nodes ?? 32,
        attempts: DEATHS,
      }),
    )
    const burials = stack.use(openBurials({ clock, log }))
    stack.defer(
      bus.work('shazam.steps', workOnStep(parts, burials), {
        concurrency: concurrency.steps ?? 64,
        attempts: DEATHS,
      }),
    )
  },
})
