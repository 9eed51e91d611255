/** Ways through a directed graph that come back to where they began, closed (`a, b, a`); one for each knot. */
export function cyclesIn(names: Iterable<string>, next: (name: string) => Iterable<string>): string[][] {
  const cycles: string[][] = []
  const done = new Set<string>()
  const knotted = new Set<string>()
  for (const start of names) {
    if (done.has(start)) continue
    // Its own stack: a chain may be longer than the language's.
    const path: string[] = []
    const depthOf = new Map<string, number>()
    const iterators: Iterator<string>[] = []
    const enter = (name: string) => {
      depthOf.set(name, path.length)
      path.push(name)
      iterators.push(next(name)[Symbol.iterator]())
    }
    enter(start)
    while (path.length > 0) {
      const { value, done: isLast } = (iterators[iterators.length - 1] as Iterator<string>).next()
      if (isLast) {
        const name = path.pop() as string
        iterators.pop()
        depthOf.delete(name)
        done.add(name)
        continue
      }
      const depth = depthOf.get(value)
      if (depth !== undefined) {
        const cycle = path.slice(depth)
        if (!cycle.some((name) => knotted.has(name))) cycles.push([...cycle, value])
        for (const name of cycle) knotted.add(name)
      } else if (!done.has(value)) enter(value)
    }
  }
  return cycles
}
