import type { Option } from '#contracts/descriptors.ts'
import { isTree, type Tree } from './fields.ts'
import { itemName } from './items.ts'
import { addressesIn } from './templates.ts'

/** An option whose value the platform makes: marked `generate`, and left out by the descriptor. */
export interface Vacancy {
  /** `configuration.postgresql.users.shop.password` */
  address: string
  put(value: string): void
}

/** Of a configuration that has its defaults. Items of a list go by their name or id, or else by their number. */
export function vacancies(
  options: Readonly<Record<string, Option>>,
  tree: unknown,
  address: string,
): Vacancy[] {
  if (Array.isArray(tree))
    return tree.flatMap((item, i) => vacancies(options, item, `${address}.${itemName(item) ?? i}`))
  if (!isTree(tree)) return []
  return Object.entries(options).flatMap(([name, option]) => {
    const here = `${address}.${name}`
    if (option.generate && (tree[name] ?? null) === null) return [{ address: here, put: putInto(tree, name) }]
    return option.options ? vacancies(option.options, tree[name], here) : []
  })
}

const putInto = (tree: Tree, name: string) => (value: string) => {
  tree[name] = value
}

/** Whether any option of these, however deep, is made by the platform. */
export const generates = (options: Readonly<Record<string, Option>>): boolean =>
  Object.values(options).some((option) => option.generate || (option.options && generates(option.options)))

/** NAMEs of `passwords.NAME` in the templates of a tree. */
export function passwordNames(value: unknown): string[] {
  if (typeof value === 'string')
    return value.includes('passwords.') ? addressesIn(value).flatMap((use) => nameOf(use) ?? []) : []
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(passwordNames)
}

const nameOf = (use: string): string | undefined => /^passwords\.([A-Za-z_][A-Za-z0-9_-]*)$/.exec(use)?.[1]
