import type { Bus } from '#bus'
import type { Action } from '#contracts/profiles.ts'

/**
 * Rights are judged at the act as well as at the question: whoever waited meanwhile, in a queue or for a look, may have lost
 * them. Throws what `profiles.authorize` throws.
 */
export async function stillMay(bus: Bus, user: string, action: Action, repo: string): Promise<void> {
  await bus.ask('profiles.authorize', { user, action, repo })
}
