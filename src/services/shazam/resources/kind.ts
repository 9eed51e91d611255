import type Type from 'typebox'
import type { Questions, State } from '../facts/state.ts'
import type { Handler } from '../graph.ts'

export type Verdict = 'no change' | 'change' | 'unknown until it runs' | 'skipped'

/** A wish, as plain JSON: what should be on the node. Kinds add their own properties. */
export interface Resource {
  /** `file:/etc/nginx/nginx.conf` */
  id: string
  kind: string
  /** Ids of resources without which this one is not tried. */
  requires: string[]
  /** Ids of handlers that run when this one has changed. */
  notify: string[]
  /** Where it makes no sense. */
  except?: 'container'
  /** Holds data: it stays when it is wished no more, unless the node says `purge`. */
  keep?: boolean
  /** A mistake in it can shut us out: it is taken back by the node itself when we cannot come back. */
  cuts_link?: boolean
}

/** An entry of the manifest: what we own on a node, with all that is needed to compare and to remove it. */
export interface Entry {
  id: string
  kind: string
  /** It was there before us, so it stays when it is wished no more. */
  present_before?: boolean
  /** How it was then. */
  before?: Record<string, unknown>
  /** It was tried and did not succeed. */
  incomplete?: boolean
  /** Where it makes no sense it was left out: nothing of it is on the node. */
  skipped?: boolean
  /** Holds data of these services: it leaves only when the node purges them. */
  keep?: boolean
  from?: string[]
  /** It is wished no more and was kept: still ours, so that it can be purged. */
  kept?: boolean
  /** Its service keeps its data elsewhere now, and something was left in it. */
  spent?: boolean
  cuts_link?: boolean
  notify: string[]
  /** What `notify` names: it is owed when this leaves, also when nothing else names it any more. */
  handlers?: Handler[]
  [key: string]: unknown
}

/** What there is to do about one resource. */
export interface Step {
  verdict: Verdict
  /** One line for people. */
  summary: string
  diff?: string
  /** Lines for sh, run as root with `set -e`. Exit 77 says that there was nothing to change after all. */
  script?: string
  /** The thing was not on the node before. */
  creates?: boolean
  /** Lines for sh that take back what giving back files does not. */
  undo?: string
  /** Done before anything leaves: apt must know what is wanted. */
  first?: boolean
  /** Done after everything else, and exit 77 says that it stays. */
  last?: boolean
  /** It could not leave yet: it stays known, as something that leaves when it is empty. */
  waits?: boolean
}

/** What stays though something around it leaves. */
export interface Inside {
  path: string
  id: string
}

/** How one kind of resource is wished, looked at, made and removed. All pure. */
export interface Kind<R extends Resource = Resource> {
  name: string
  /** The value of the key that names the kind, and the other keys of the item in `service.yml`. */
  schema: Type.TSchema
  /** What is wrong with an item as a whole; its keys are good already. */
  refuse?(item: Record<string, unknown>): string | undefined
  /** From a rendered item; defaults are filled here. */
  wish(name: string, item: Record<string, unknown>): Omit<R, keyof Resource> & { id: string }
  /** Resources that it needs when they are in the graph too. */
  implies?(wish: R): string[]
  ask(wish: R | (Entry & Partial<R>), questions: Questions): void
  plan(wish: R, state: State, context: Context): Step
  /** How it was when we first met it, where that is given back when it is wished no more. */
  before?(wish: R, state: State): Record<string, unknown> | undefined
  /** What the manifest says of it, beyond id, kind and notify. */
  entry(wish: R, context: Pick<Context, 'hide'>): Record<string, unknown>
  /** What was there before us is not removed (files are given back instead). */
  keepsBefore?: boolean
  /** Our own hand brought it, though by way of something else. */
  brought?(wish: R, state: State): boolean
  /**
   * Undefined: nothing is left behind by this kind. Of what has `keep`, data stay unless `purge`. What stays `inside` of it
   * is spared.
   */
  remove?(owned: Entry & Partial<R>, state: State, purge: boolean, inside: readonly Inside[]): Step
}

export interface Context {
  /** What we own of it already. */
  owned?: Entry
  /** Something that it needs will change before it: what was looked at may not hold any more. */
  stale: boolean
  /** Handlers that are notified before this resource's turn. */
  notified: readonly string[]
  /** Replaces secrets by `***`. */
  hide(text: string): string
}

export const unchanged = (summary: string): Step => ({ verdict: 'no change', summary })
export const change = (summary: string, script: string, more: Partial<Step> = {}): Step => ({
  verdict: 'change',
  summary,
  script,
  ...more,
})
