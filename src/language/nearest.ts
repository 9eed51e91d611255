import { distance } from 'fastest-levenshtein'

/** The candidate that was probably meant; undefined when none is near enough to be worth proposing. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase().slice(0, 64)
  let best: string | undefined
  let least = tolerance(wanted.length)
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - wanted.length) > least || candidate === name) continue
    const far = distance(wanted, candidate.toLowerCase())
    if (far >= Math.max(wanted.length, candidate.length)) continue
    const isBetter = far < least || (far === least && isCloser(candidate, best, name))
    if (isBetter) [best, least] = [candidate, far]
  }
  return best
}

/** Of two that are equally far, the one that begins alike. */
const isCloser = (candidate: string, best: string | undefined, name: string) =>
  best === undefined || (best[0] !== name[0] && candidate[0] === name[0])

const tolerance = (length: number) => (length < 3 ? 1 : length < 8 ? 2 : Math.floor(length / 3))
