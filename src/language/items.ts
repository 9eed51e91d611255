import { isTree } from './fields.ts'

/** How an item of a list is addressed, besides its number: `users.shop`. */
export function itemName(item: unknown): string | undefined {
  if (!isTree(item)) return undefined
  const name = ['name', 'id'].map((key) => (Object.hasOwn(item, key) ? item[key] : undefined))
  return name.find((each) => typeof each === 'string' && each !== '') as string | undefined
}

export const itemNamed = (list: readonly unknown[], name: string): unknown =>
  list.find((item) => itemName(item) === name)
