type Tree = Record<string, unknown>

/** Why a value is missing, and the address that will be known later, if any. */
export interface Missing {
  /** `db.ip is not known yet: node db has no server` */
  reason: string
  /** What will bring it; null when nothing will. */
  waits_for: string | null
}

/** What only the creation or the first sync of a node brings; undefined when the address is known, or wrong. */
export function notYet(address: string, nodes: Tree): Missing | undefined {
  const [id = '', field = ''] = address.split('.')
  const node = nodes[id] as Tree | undefined
  // `vars`, and variables that are maps, are no nodes.
  if (!node?.facts) return undefined
  if (field === 'ip' && node.ip === undefined)
    return { reason: `${id}.ip is not known yet: node ${id} has no server`, waits_for: address }
  const synced = Object.keys(node.facts as Tree).length > 0
  if ((field === 'pub_key' && node.pub_key === undefined) || (field === 'facts' && !synced))
    return { reason: `${address} is not known yet: node ${id} was never synced`, waits_for: address }
  return undefined
}
