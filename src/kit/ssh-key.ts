import ssh2 from 'ssh2'

export interface KeyPair {
  /** OpenSSH's own format, without a passphrase. */
  private: string
  /** One line of an authorized_keys file. */
  public: string
}

/**
 * A new ed25519 key pair. ssh2 1.17 drops a leading zero byte of a key and so writes about one in two hundred that nobody
 * can read again: what it makes is read back, and made anew when it is of those.
 */
export function newKeyPair(comment = '', make: () => KeyPair = () => generate(comment)): KeyPair {
  for (;;) {
    const pair = make()
    if (isReadable(pair.private) && isReadable(pair.public)) return pair
  }
}

const generate = (comment: string): KeyPair => ssh2.utils.generateKeyPairSync('ed25519', { comment })

const isReadable = (key: string): boolean => !(ssh2.utils.parseKey(key) instanceof Error)
