/** Tables of the registry. JSON is text, times are milliseconds since the epoch. */
export interface Tables {
  registry_nodes: {
    repo: string
    node: string
    server: string | null
    facts: string
    applied: string | null
    created_at: number | null
    /** The work and attempt that wrote last: older ones are fenced off, also after the node was forgotten. */
    fence_work: string | null
    fence_attempt: number | null
    /** 1: kept for its fence only. */
    forgotten: number
  }
  /** Which node's configuration used which address when it was last compiled. */
  registry_uses: {
    repo: string
    node: string
    address: string
    /** The address up to its first dot. */
    head: string
  }
  registry_variables: {
    repo: string
    scope: string
    name: string
    value: string
    set_at: number
    set_by: string
    /** JSON of the contract's `Source`; null: by hand. */
    source: string | null
  }
  registry_variable_history: {
    repo: string
    scope: string
    name: string
    /** Counts from 1 for each variable. */
    version: number
    /** Null: it was unset. */
    value: string | null
    set_at: number
    set_by: string
    source: string | null
    /** 1: in a descriptor. */
    written: number
  }
  /** Secrets of people and passwords that the platform made: a row a version, the value sealed. */
  registry_secrets: {
    repo: string
    kind: 'secret' | 'password'
    /** Of a password: the address that it stands at. */
    name: string
    /** Counts from 1 for each name. */
    version: number
    action: 'set' | 'rotated' | 'unset' | 'made'
    /** Null: it was unset, or is so old that nothing shows it any more. */
    sealed: string | null
    set_at: number
    set_by: string
  }
  /** Repositories that were deleted, and when: what began before writes nothing. */
  registry_forgotten: {
    repo: string
    at: number
  }
  registry_platform_keys: {
    repo: string
    public_key: string
    /** Sealed under the master key. */
    private_key: string
    created_at: number
  }
  /** One row: a text sealed under the master key, to tell at start whether the key is the right one. */
  registry_seal: {
    id: number
    sealed: string
  }
}
