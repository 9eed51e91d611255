/**
 * What queued events and jobs looked like before, and how each becomes what it is today. Rows stay in the store over an
 * upgrade, so a payload has a version, counted from 0, and its row keeps the one that it was written with. When the
 * schema of an event or a queue changes, a step is added at the end of its list; docs/checklists/migration.md says how.
 */

import { defaultSettings } from './settings.ts'

type Payload = Record<string, unknown>
/** From one version to the next. */
type Step = (payload: Payload) => Payload

/** Of a change that every former payload fits. */
const same: Step = (payload) => payload

/**
 * Version 0 is all that was written before payloads had a version: the first step of each takes any of those shapes,
 * back to the first release that can be upgraded.
 */
const steps: Readonly<Record<string, readonly Step[]>> = {
  // Until 0fce87c with the rendered text of the step, which is asked for now.
  'shazam.steps': [({ script: _, user: __, ...payload }) => payload],
  // Until 0fce87c without outputs.
  'step.finished': [(payload) => ({ outputs: {}, ...payload })],
  // Both until b5a95d4 without the work that they come from.
  'var.changed': [(payload) => ({ work: null, ...payload })],
  'node.*.drift': [(payload) => ({ work: null, ...payload })],
  // Until b5a95d4 a push that would lose a server was refused without consent, and nothing else told of it.
  'repo.pushed': [(payload) => ({ agreed: { destroy: ['all'], replace: ['all'] }, ...payload })],
  // Until approval_required; what a setting was that did not exist yet is its default.
  'repo.settings_changed': [
    ({ settings, ...payload }) => ({ ...payload, settings: { ...defaultSettings(), ...Object(settings) } }),
  ],
  'profile.changed': [same],
  'repo.deleted': [same],
  'shazam.nodes': [same],
}

/** The version in which a payload is written today. */
export const versionOf = (name: string): number => steps[name]?.length ?? 0

/** A payload of a former version, as it would be written today. */
export function modernize(name: string, version: number, payload: unknown): unknown {
  if (payload === null || typeof payload !== 'object') return payload
  return (steps[name] ?? []).slice(version).reduce((value, step) => step(value), payload as Payload)
}
