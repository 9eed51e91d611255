import Type from 'typebox'
import { strict } from './define.ts'

/** Whether a push may lose a server: it must say so each time, or the repository allows it once and for all. */
const Consent = (description: string) => Type.Enum(['ask', 'allow'], { default: 'ask', description })

const whole = (fallback: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: fallback, minimum, maximum, description })

/** A branch name that is safe in a URL, a shell and a refname. */
const Branch = Type.String({
  default: 'main',
  pattern: '^(?!-)(?!.*(\\.\\.|//|@\\{|\\.lock(/|$)|\\.git(/|$)))[A-Za-z0-9_][A-Za-z0-9._/+@#=-]*(?<![./])$',
  maxLength: 190,
  description: 'the branch that the servers follow',
})

const MEGABYTES = 1024 * 1024

/** Settings of a repository. A setting that nobody changed is at its default, also when the default moves. */
export const Settings = strict({
  branch: Branch,
  destroy: Consent('whether a push may destroy servers without `-o destroy=NODE`'),
  replace: Consent('whether a push may replace servers without `-o replace=NODE`'),
  drift_interval: whole(3600, 0, 31_536_000, 'seconds between two looks for drift at a node; 0: never'),
  heal: Type.Boolean({ default: false, description: 'whether drift is put right without being asked' }),
  log_days: whole(30, 1, 36_500, 'days that log lines are kept'),
  log_megabytes: whole(1024, 1, MEGABYTES, 'MiB of log lines that are kept'),
  step_log_megabytes: whole(64, 1, MEGABYTES, 'MiB of output that is kept of one step on one node'),
  runs_at_once: whole(20, 1, 1000, 'runs of tasks that may go on at once'),
  node_works_at_once: whole(50, 1, 1000, 'nodes that may be worked on at once'),
  approval_required: Type.Array(Type.String({ pattern: '^[A-Za-z0-9_.*-]+$', maxLength: 100 }), {
    default: [],
    maxItems: 100,
    uniqueItems: true,
    description:
      'tasks whose runs an admin must approve, whatever their descriptors say; * stands for any part',
  }),
})

export type Settings = Type.Static<typeof Settings>

/** What is to change; the rest stays. */
export const SettingsChange = Type.Partial(Settings, { additionalProperties: false, minProperties: 1 })
export type SettingsChange = Type.Static<typeof SettingsChange>

const defaults = Object.fromEntries(
  Object.entries(Settings.properties).map(([name, schema]) => [
    name,
    (schema as { default?: unknown }).default,
  ]),
)

export const defaultSettings = (): Settings => structuredClone(defaults) as Settings
