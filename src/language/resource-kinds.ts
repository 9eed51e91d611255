import kinds from './generated/resource-kinds.json' with { type: 'json' }

/** The keys of a kind of resource, or of a short name for several. */
export interface ResourceKind {
  /** JSON Schema of each key's value. */
  properties: Record<string, object>
  required: readonly string[]
}

/** Every kind and short name that an item of `resources:` can have. */
export const resourceKinds: ReadonlyMap<string, ResourceKind> = new Map(Object.entries(kinds))
