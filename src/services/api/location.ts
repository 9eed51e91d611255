import type { Call } from './route.ts'

/** Where the outcome of what was accepted (202) can be asked for: RFC 9110 §15.3.3. */
export type Locate = (answer: never, call: Pick<Call, 'repo'>) => string

export const atRun: Locate = ({ id }: { id: string }, { repo }) => `/v1/repos/${repo}/runs/${id}`

export const atWork: Locate = ({ id }: { id: string }, { repo }) => `/v1/repos/${repo}/works/${id}`

/** Of several there is no single address but their list. */
export const atWorks: Locate = (works: readonly { id: string }[], call) =>
  works.length === 1 ? atWork(works[0] as never, call) : `/v1/repos/${call.repo}/works`

export const atAddress: Locate = ({ address }: { address: string }) => address

export const atDeliveryRun: Locate = ({ id, run }: { id: string; run: string | null }, { repo }) =>
  run === null ? `/v1/repos/${repo}/deliveries/${id}` : `/v1/repos/${repo}/runs/${run}`
