import { namePattern } from '#contracts/ids.ts'

export function isRepoId(text: string): boolean {
  const parts = text.split('/')
  return parts.length === 2 && parts.every((part) => namePattern.test(part))
}

/** `owner/name` out of what stands in a clone address: with or without a slash before and `.git` after. */
export function repoOfAddress(address: string): string | undefined {
  const repo = address.replace(/^\//, '').replace(/\.git$/, '')
  return isRepoId(repo) ? repo : undefined
}
