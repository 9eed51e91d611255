import { setImmediate } from 'node:timers/promises'

type Ask<Item, Answer> = (items: readonly [Item, ...Item[]]) => Promise<Answer>

/**
 * Makes one question of many of the same key, for an answer that is as big as a repository. Who comes in the same turn of
 * the event loop, or while the question before is on its way, shares the next one: it is asked after the last of them
 * came, so that it is as fresh as one of his own. Nobody may change what all of them get.
 */
export function together<Item, Answer>(
  keyOf: (item: Item) => string,
  ask: Ask<Item, Answer>,
): (item: Item) => Promise<Answer> {
  const gathering = new Map<string, { items: [Item, ...Item[]]; answer: Promise<Answer> }>()
  const asking = new Map<string, Promise<unknown>>()

  return (item) => {
    const key = keyOf(item)
    const open = gathering.get(key)
    if (open) {
      open.items.push(item)
      return open.answer
    }
    const items: [Item] = [item]
    const answer = askLater(key, items)
    gathering.set(key, { items, answer })
    return answer
  }

  async function askLater(key: string, items: readonly [Item, ...Item[]]): Promise<Answer> {
    await (asking.get(key) ?? setImmediate())
    gathering.delete(key)
    const answer = ask(items)
    const over = Promise.allSettled([answer])
    asking.set(key, over)
    try {
      return await answer
    } finally {
      if (asking.get(key) === over) asking.delete(key)
    }
  }
}
