import type { Input, Output } from '#contracts'
import { Problem } from '#kit/problem.ts'
import { withDefaults } from '#language'
import { type Shazam, servicesAt } from './shazam.ts'

/** Steps run as this user; what acts on a unit needs root. */
const STEP_USER = 'devops'

/** What `devops SERVICE COMMAND` comes down to. A repository's own service stands in for the catalog's. */
export const findCommand =
  (shazam: Shazam) =>
  async ({ repo, commit, service, command }: Input<'shazam.command'>): Promise<Output<'shazam.command'>> => {
    const infrastructure = await shazam.infrastructureAt(repo, commit)
    if (service === 'scripts') return scriptOf(infrastructure.scripts, command)
    const found = servicesAt(shazam, infrastructure.services).find((one) => one.id === service)
    if (!found) throw new Problem('not_found', { what: `service ${service}` })
    const wanted = Object.hasOwn(found.commands, command) ? found.commands[command] : undefined
    if (!wanted) {
      const known = Object.keys(found.commands).join(', ') || 'none'
      throw new Problem('not_found', { what: `command ${command} of service ${service}; it has: ${known}` })
    }
    const defaults = withDefaults(wanted.options ?? {}, {})
    if (wanted.unit !== undefined && wanted.do !== undefined)
      return { template: actOn(wanted.unit, wanted.do), user: 'root', defaults }
    const template = found.templates[wanted.script ?? '']
    if (template === undefined)
      throw new Problem('invalid', {
        reason: `command ${command} of service ${service} names no script that is there`,
      })
    return { template, user: wanted.user ?? 'root', defaults }
  }

/** A start that somebody asks for is no crash: it does not count for the unit's limit of starts. */
const actOn = (unit: string, act: string): string =>
  `systemctl reset-failed ${unit} 2>/dev/null || :\nsystemctl ${act} ${unit}\n`

function scriptOf(scripts: Readonly<Record<string, string>>, file: string): Output<'shazam.command'> {
  const template = scripts[file] ?? scripts[`scripts/${file}`]
  if (template === undefined) throw new Problem('not_found', { what: `script ${file}` })
  return { template, user: STEP_USER, defaults: {} }
}
