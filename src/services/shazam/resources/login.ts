import { quote } from '../quote.ts'

/** An address as it may stand in arguments and files that everybody reads, and the login that it had. */
export interface Address {
  address: string
  /** What a credential helper of git answers: `username=…`, `password=…`, a line each. */
  login?: string
  /** What the login is for: scheme and host. */
  host: string
}

/** RFC 3986 §3.2.1. Git and curl start programs with the address among their arguments, which every local user reads. */
export function withoutLogin(text: string): Address {
  const [, scheme = '', info = '', host = '', rest = ''] =
    /^(https?:\/\/)([^/?#]*)@([^/?#@]*)(.*)$/s.exec(text) ?? []
  if (!scheme) return { address: text, host: '' }
  const at = info.indexOf(':')
  const [user, word] = at < 0 ? [info, ''] : [info.slice(0, at), info.slice(at + 1)]
  const login = `username=${decoded(user)}\npassword=${decoded(word)}`
  return { address: `${scheme}${host}${rest}`, login, host: `${scheme}${host}` }
}

/** A line break would be another field of the answer. */
function decoded(text: string): string {
  try {
    const plain = decodeURIComponent(text)
    return /\p{Cc}/u.test(plain) ? text : plain
  } catch {
    return text
  }
}

/** Options for git with which it gets the login from the variable `login`, which only its own user can read. */
export const loginOptions = ({ login, host }: Address): string =>
  login === undefined ? '' : `-c ${quote(`credential.${host}.helper=!printf "%s\\n" "$login"; :`)} `
