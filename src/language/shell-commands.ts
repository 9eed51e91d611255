/** Stands in a word for what is not literal. */
export const DYNAMIC = '\0'

const set = (names: string) => new Set(names.split(' '))

/** Some programs that only take their arguments as data, whatever these are called. */
const PLAIN = set(
  'echo printf test [ : true false cat grep cp mv rm mkdir rmdir ls chmod chown ln touch cd systemctl service apt apt-get dnf yum apk dpkg pip npm curl wget tar logger id getent install',
)
/** All arguments are read as a program, or as names in which the shell computes. */
const ALL = set('eval ssh trap let alias watch parallel tmux screen unset read mapfile')
const DECLARES = set('declare typeset local export readonly')
const PREFIXES = set(
  'if then else elif do while until ! time { command builtin exec env sudo doas nohup setsid',
)
const SHELLS = 'sh bash dash ash zsh ksh mksh fish'

interface Interpreter {
  names: Set<string>
  /** The option that a program follows. */
  option?: RegExp
  /** The start of an option that goes on with a program. */
  attached?: RegExp
  /** Options that are followed by so many words of data. */
  data?: RegExp
  /** The option that names a file to read the program from. */
  file?: RegExp
  /** From this operand to the next is a program, when no option gave one. */
  operand?: number
}

const interpreters: Interpreter[] = [
  {
    names: set(`${SHELLS} su runuser script flock`),
    option: /^[-+]\w*c\w*$|^--(?:session-)?command$/,
    attached: /^--(?:session-)?command=/,
  },
  { names: set('python'), option: /^-\w*c$/, attached: /^-\w*c./ },
  { names: set('perl ruby lua Rscript julia'), option: /^-\w*[eE]$/, attached: /^-\w*[eE]./ },
  {
    names: set('node nodejs deno bun mongosh mongo'),
    option: /^-\w*[ep]$|^--(?:eval|print)$/,
    attached: /^--(?:eval|print)=/,
  },
  { names: set('php'), option: /^-\w*[rBRE]$|^--run$/ },
  {
    names: set('psql'),
    option: /^-[AtqXbeEnaxz1]*c$|^--command$/,
    attached: /^-[AtqXbeEnaxz1]*c.|^--command=/,
  },
  {
    names: set('mysql mariadb'),
    option: /^-[BNstvrHXE]*e$|^--execute$/,
    attached: /^-[BNstvrHXE]*e|^--execute=/,
  },
  { names: set('sqlite3'), operand: 1 },
  {
    names: set('awk gawk mawk nawk'),
    data: /^-[vF]$|^--(?:assign|field-separator)$/,
    file: /^-f$|^--file$/,
    operand: 0,
  },
  {
    names: set('sed gsed'),
    option: /^-[nEirsuz]*e$|^--expression$/,
    attached: /^-[nEirsuz]*e.|^--expression=/,
    file: /^-f$|^--file$/,
    operand: 0,
  },
  { names: set('rsync'), option: /^-\w*e$|^--rsh$/, attached: /^--(?:rsh|rsync-path)=/ },
]
const unknown: Interpreter = { names: new Set(), option: /^-\w*[cer]$|^--(?:command|eval|execute)$/ }

/** Interpreters that read a program from their standard input, whatever operands they have or only without any. */
const READERS = set(`${SHELLS} python perl ruby node php crontab at batch`)
const SQL_READERS = set('psql mysql mariadb sqlite3')

/**
 * Is the word that follows `words`, and has begun with `current`, parsed once more by another program: as a script, as
 * SQL, or as an expression of the shell? What a program does that is not known here cannot be told.
 */
export function isProgram(words: readonly string[], current: string): boolean {
  const command = commandOf(words)
  const head = nameOf(command[0] ?? '')
  const previous = command.at(-1)
  if (command.length === 0) return false
  if (previous === '-v' && current === '' && /^(?:printf|test|\[\[?)$/.test(head)) return true
  if (PLAIN.has(head) || head === '[[') return false
  if (DECLARES.has(head)) return current === '' || command.some((word) => /^-\w*i/.test(word))
  const own = interpreters.find(({ names }) => names.has(head))
  if (own && own !== interpreters[0]) return isIn(own, command.slice(1), current)
  return command.some((word, at) => {
    const name = nameOf(word)
    if (ALL.has(name)) return true
    const kinds = interpreters.filter(({ names }) => names.has(name))
    if (word.includes(DYNAMIC) && (at === 0 || PREFIXES.has(command[at - 1] ?? ''))) kinds.push(unknown)
    return kinds.some((kind) => isIn(kind, command.slice(at + 1), current))
  })
}

/** Does it run what it reads from its standard input? */
export function readsProgram(words: readonly string[]): boolean {
  const command = commandOf(words)
  if (PLAIN.has(nameOf(command[0] ?? ''))) return false
  return command.some((word, at) => {
    const name = nameOf(word)
    if (name === 'ssh' || name === 'su') return true
    const rest = command.slice(at + 1)
    if (SQL_READERS.has(name)) return !rest.some((each) => /^-\w*[ce]/.test(each))
    if (name === 'xargs') return rest.some((each) => each.includes('{}') && /\s/.test(each))
    if (!READERS.has(name) || rest.some((each) => /^-\w*[cer]$/.test(each))) return false
    return rest.some((each) => each === '-' || each === '-s') || rest.every((each) => each.startsWith('-'))
  })
}

/** Commands that print their arguments, or what they read. */
export const prints = (words: readonly string[]): boolean =>
  /^(?:echo|printf|print)$/.test(nameOf(commandOf(words)[0] ?? ''))

function isIn(kind: Interpreter, words: readonly string[], current: string): boolean {
  let state: 'none' | 'program' | 'data' = 'none'
  let operands = 0
  let given = false
  for (const word of words) {
    if (state === 'program' && word.startsWith('-')) continue
    if (state !== 'none') state = 'none'
    else if (kind.option?.test(word)) {
      state = 'program'
      given = true
    } else if (kind.data?.test(word)) state = 'data'
    else if (kind.file?.test(word)) {
      state = 'data'
      given = true
    } else if (!word.startsWith('-')) operands++
  }
  if (state !== 'none') return state === 'program'
  if (kind.attached?.test(current)) return true
  return kind.operand !== undefined && !given && !current.startsWith('-') && operands === kind.operand
}

/** Without what stands before the name of the command. */
function commandOf(words: readonly string[]): readonly string[] {
  const at = words.findIndex((word) => !/^[A-Za-z_]\w*\+?=/.test(word) && !PREFIXES.has(word))
  return at < 0 ? [] : words.slice(at)
}

const nameOf = (word: string): string =>
  word
    .replaceAll(DYNAMIC, '')
    .replace(/^.*\//s, '')
    .replace(/^(python|perl|php|ruby|lua)[\d.]+$/, '$1')
