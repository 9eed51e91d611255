import { Settings, SettingsChange } from '#contracts/settings.ts'
import { type Route, route } from '../route.ts'

/** Milliseconds in which the descriptors of another branch are judged and planned. */
const JUDGEMENT = 60_000
const path = '/v1/repos/:owner/:repo/settings'

export const settings: Route[] = [
  route(
    {
      id: 'getSettings',
      method: 'GET',
      path,
      access: 'repo.read',
      scope: 'repo',
      summary: 'Settings of a repository',
      response: Settings,
    },
    ({ repo }, { bus }) => bus.ask('git.get_settings', { repo }),
  ),
  route(
    {
      id: 'setSettings',
      method: 'PUT',
      path,
      access: 'settings.write',
      scope: 'repo',
      summary:
        'Changes settings; the others stay. Another `branch` is judged like a push, and nodes follow it',
      body: SettingsChange,
      shows: Object.keys(Settings.properties),
      response: Settings,
    },
    ({ repo, body, identity }, { bus }) =>
      bus.ask('git.set_settings', { repo, change: body, by: identity.user }, { deadline: JUDGEMENT }),
  ),
]
