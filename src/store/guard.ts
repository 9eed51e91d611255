import { AsyncLocalStorage } from 'node:async_hooks'

/** The transactions around the running code, innermost first. */
interface Scope {
  store: object
  open: boolean
  parent: Scope | undefined
}

const scopes = new AsyncLocalStorage<Scope>()

/** Runs `act` so that `insideTransaction` is true within it, and false again in whatever it leaves running. */
export async function asTransaction<T>(store: object, act: () => Promise<T>): Promise<T> {
  const scope: Scope = { store, open: true, parent: scopes.getStore() }
  try {
    return await scopes.run(scope, act)
  } finally {
    scope.open = false
  }
}

/** Whether this code runs inside an open transaction of `store`. */
export function insideTransaction(store: object): boolean {
  for (let scope = scopes.getStore(); scope; scope = scope.parent)
    if (scope.open && scope.store === store) return true
  return false
}

/** One connection writes: what waits for it while holding it would wait for ever. */
export function refuseInside(what: string, store: object): void {
  if (insideTransaction(store))
    throw new Error(`${what} inside a transaction would wait for itself: use the transaction's own \`tx\``)
}
