interface Given {
  keys: readonly { user: string; key: string }[]
  /** Empty: none. */
  platformKey: string
}

/** Who may enter a node, as lines of authorized_keys: the platform first, then people, sorted. */
export const accessLines = ({ keys, platformKey }: Given): string[] => [
  ...(platformKey ? [`${platformKey.trim().split(' ').slice(0, 2).join(' ')} devo.ps`] : []),
  ...keys.map(({ user, key }) => `${key.trim()} ${user}`).toSorted(),
]
