/** Tables of profiles. Times in milliseconds since the epoch. */
export interface Tables {
  profiles_users: {
    name: string
    /** The name in lower case: two users may not differ by case alone. */
    folded: string
    email: string | null
    /** Null: no sign-in by password. */
    password: string | null
    admin: number
    disabled: number
    created_at: number
  }
  profiles_keys: {
    fingerprint: string
    user: string
    title: string
    key: string
    created_at: number
  }
  profiles_tokens: {
    id: string
    user: string
    title: string
    scope: string
    /** Null: everywhere. */
    repo: string | null
    /** Made by a sign-in. */
    session: number
    /** SHA-256 of the token in hexadecimal. */
    hash: string
    created_at: number
    expires_at: number | null
    used_at: number | null
  }
  profiles_collaborators: {
    repo: string
    user: string
    role: string
  }
  profiles_credentials: {
    user: string
    name: string
    provider: string
    /** JSON list of the names of the fields. */
    fields: string
    /** JSON list; empty: every repository of the user. */
    repos: string
    /** JSON object of the fields, sealed with the master key. */
    sealed: string
    set_at: number
    checked_at: number | null
    said: string | null
    used_at: number | null
  }
  /** Rows are only ever added; `contracts/audit.ts` says what is in them. */
  profiles_audit: {
    seq: number
    at: number
    actor: string | null
    via: string | null
    credential: string | null
    from: string | null
    action: string
    repo: string | null
    cause: string
    /** JSON. */
    details: string
    outcome: string
    of: number | null
    hash: string
  }
  /** Repositories that were deleted, when, and the newest entry of the audit that is about them. */
  profiles_forgotten: { repo: string; at: number; audited: number }
  /** One row: `SEQ:HASH` of the newest entry, sealed with the master key. */
  profiles_audit_head: { id: number; sealed: string }
  /** Who was refused how often: `user:NAME` and `from:ADDRESS`. */
  profiles_sign_ins: {
    key: string
    failures: number
    last_at: number
    blocked_until: number
  }
}
