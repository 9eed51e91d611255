import {
  type Arithmetic,
  type Frame,
  type Heredoc,
  type HeredocFrame,
  isBare,
  OTHERWISE,
  type Parameter,
  type Plain,
  PROGRAM,
  refuse,
  valueAt,
} from './shell-frames.ts'
import { Words } from './shell-words.ts'

/**
 * Follows the quoting of a POSIX or bash script over its literal parts, and quotes each value for where it stands.
 * What it cannot follow with certainty it does not guess: from there on (`lost`) only values that are harmless
 * everywhere are accepted.
 */
export class ShellQuoter {
  text = ''
  private readonly frames: Frame[] = [{ kind: 'plain', depth: 0, nested: false }]
  private pending: Heredoc[] = []
  /** The last literal character, when it changes the meaning of what follows: an open `\` or `$`. */
  private dangling = ''
  private readonly words = new Words()
  /** Digits were put out bare: before a redirection they would be a file descriptor. */
  private digits: { at: number; value: string } | undefined

  literal(text: string): void {
    if (text === '') return
    this.settleDigits(text)
    this.dangling = ''
    for (let i = 0; i < text.length; ) i += this.step(text, i)
    this.text += text
  }

  value(value: string): void {
    if (value.includes('\0')) refuse(value, 'it contains a NUL character')
    const frame = this.frame
    if (this.dangling !== '') refuse(value, `a ${this.dangling} stands right before it`)
    const { words } = this
    const where = { subscript: words.isSubscript(), code: words.isCode() }
    const quoted = valueAt(frame, value, where)
    this.digits = frame.kind === 'plain' && /^\d+$/.test(quoted) ? { at: this.text.length, value } : undefined
    this.text += quoted
    if (frame.kind !== 'comment' && frame.kind !== 'heredoc') {
      words.addValue(value, isBare(value))
      words.addDynamic()
    }
    if (frame.kind === 'heredoc') this.followHeredocValue(frame, value, quoted)
  }

  /** The whole script. A last line needs no newline. */
  end(): string {
    if (this.frame.kind === 'plain') this.endCommand()
    return this.text
  }

  /** `echo 2>f` is not `echo '2' >f`. */
  private settleDigits(next: string): void {
    if (this.digits && /^[<>]/.test(next))
      this.text = `${this.text.slice(0, this.digits.at)}'${this.digits.value}'`
    this.digits = undefined
  }

  private get frame(): Frame {
    return this.frames[this.frames.length - 1] as Frame
  }

  /** Follows the text from `i`; returns how many characters were read. */
  private step(text: string, i: number): number {
    const frame = this.frame
    switch (frame.kind) {
      case 'plain':
        return this.stepPlain(frame, text, i)
      case 'single':
        if (text[i] === "'") this.frames.pop()
        else this.words.addQuoted(text[i] ?? '')
        return 1
      case 'double':
        return this.stepDouble(text, i)
      case 'comment':
        if (text[i] !== '\n') return 1
        this.frames.pop()
        return 0
      case 'heredoc':
        return this.stepHeredoc(frame, text, i)
      case 'arithmetic':
        return this.stepArithmetic(frame, text, i)
      case 'parameter':
        return this.stepParameter(frame, text, i)
      case 'backtick':
        if (text[i] === '\\') return this.escape(text, i)
        if (text[i] === '`') this.frames.pop()
        if (text[i] === '$') this.note(text, i)
        return 1
      case 'lost':
        if (text[i] === '\\') return this.escape(text, i)
        if (text[i] === '$') this.note(text, i)
        return 1
    }
  }

  private stepPlain(frame: Plain, text: string, i: number): number {
    const char = text[i] ?? ''
    // bash reads the subscript of an array up to its `]`, whatever stands in it.
    if (/[\s;|&<>()'"`#\\]/.test(char) && this.words.isSubscript()) {
      this.lose('a subscript')
      return 0
    }
    switch (char) {
      case '\\':
        this.words.addQuoted(text[i + 1] === '\n' ? '' : (text[i + 1] ?? ''))
        return this.escape(text, i)
      case "'":
      case '"':
        this.push({ kind: char === '"' ? 'double' : 'single' })
        this.words.addQuoted('')
        return 1
      case '`':
        this.words.addDynamic()
        this.push({ kind: 'backtick' })
        return 1
      case '$':
        if (!/^\$["']/.test(text.slice(i, i + 2))) this.words.addDynamic()
        return this.stepDollar(text, i, true)
      case '#':
        if (this.words.word === '') this.push({ kind: 'comment' })
        else this.words.add(char)
        return 1
      case ' ':
      case '\t':
        this.endWord()
        return 1
      case '\n':
        this.endLine(frame)
        return 1
      case ';':
      case '|':
      case '&':
        this.endCommand()
        if (char !== '|' && text[i - 1] !== '|') this.words.endPipeline()
        if (char === '|' && (text[i + 1] === '|' || text[i - 1] === '|')) this.words.endPipeline()
        return 1
      case '(':
        return this.openParenthesis(frame, text, i)
      case ')':
        return this.closeParenthesis(frame)
      case '<':
        return this.stepLess(frame, text, i)
      case '>':
        this.endWord()
        return 1
      default:
        this.words.add(char)
        return 1
    }
  }

  private openParenthesis(frame: Plain, text: string, i: number): number {
    if (text[i + 1] === '(' && this.words.word === '') this.lose('((')
    if (/[?*+@!=]$/.test(this.words.word)) this.lose('a pattern or array in parentheses')
    this.endCommand()
    if (frame.nested) frame.depth++
    return 1
  }

  private closeParenthesis(frame: Plain): number {
    this.endCommand()
    if (!frame.nested) return 1
    if (frame.depth === 0) {
      this.frames.pop()
      this.words.goOn(frame.words ?? [])
    } else frame.depth--
    return 1
  }

  private stepLess(frame: Plain, text: string, i: number): number {
    if (text.startsWith('<<<', i)) {
      this.endWord()
      return 3
    }
    if (text.startsWith('<(', i)) {
      this.endWord()
      this.substitute(this.words.readsProgram())
      return 2
    }
    if (!text.startsWith('<<', i)) {
      this.endWord()
      return 1
    }
    const found = /^<<(-?)[ \t]*('[^'\n]*'|"[^"\n\\$`]*"|\\?[A-Za-z0-9_.-]+)(?=[\s;|&<>)])/.exec(
      text.slice(i, i + 300),
    )
    if (!found || frame.nested || this.words.word.includes('[')) {
      this.lose('a here-document')
      return 2
    }
    const [all, dash, mark = ''] = found
    const quoted = /['"\\]/.test(mark)
    this.endWord()
    this.pending.push({
      mark: mark.replace(/['"\\]/g, ''),
      quoted,
      tabs: dash === '-',
      code: this.words.readsProgram(),
    })
    return all.length
  }

  private startHeredocs(frame: Plain): void {
    if (this.pending.length === 0) return
    if (frame.nested) this.lose('a here-document that begins inside $(…)')
    // The first that was named is read first: it goes on top.
    for (const heredoc of this.pending.reverse())
      this.push({ kind: 'heredoc', ...heredoc, line: '', hasValue: false, lost: false })
    this.pending = []
  }

  private stepDouble(text: string, i: number): number {
    const char = text[i]
    if (char === '\\') {
      this.words.addQuoted(text[i + 1] ?? '')
      return this.escape(text, i)
    }
    if (char === '"') this.frames.pop()
    else if (char === '`') this.push({ kind: 'backtick' })
    else if (char !== '$') this.words.addQuoted(char ?? '')
    return char === '$' ? this.stepDollar(text, i, false) : 1
  }

  private stepDollar(text: string, i: number, isPlain: boolean): number {
    if (!isPlain) this.words.addDynamic()
    this.note(text, i)
    const rest = text.slice(i, i + 2000)
    const simple = /^\$\{[^{}'"`\\$]*\}/.exec(rest)
    if (simple) return simple[0].length
    if (rest.startsWith('${')) {
      this.push({ kind: 'parameter', isPlain })
      return 2
    }
    if (rest.startsWith('$((')) {
      this.push({ kind: 'arithmetic', depth: 0 })
      return 3
    }
    if (rest.startsWith('$(')) {
      this.substitute(this.words.isCode())
      return 2
    }
    if (rest.startsWith('$[') || (isPlain && rest.startsWith("$'"))) this.lose(rest.slice(0, 2))
    return 1
  }

  private stepArithmetic(frame: Arithmetic, text: string, i: number): number {
    const char = text[i] ?? ''
    if (char === '(') frame.depth++
    else if (char === ')' && frame.depth > 0) frame.depth--
    else if (char === ')') {
      if (text[i + 1] !== ')') this.lose('$((')
      else this.frames.pop()
      return 2
    } else if (char === '$') {
      const simple = /^\$(?:\{\w+\}|\w+|[#?])/.exec(text.slice(i, i + 200))
      if (simple) return simple[0].length
      this.note(text, i)
      this.lose('$((')
    } else if (!/[\w\s+*/%<>=!&|^~?:,[\]-]/.test(char)) this.lose('$((')
    return 1
  }

  private stepParameter(frame: Parameter, text: string, i: number): number {
    const char = text[i]
    if (char === '}') this.frames.pop()
    else if (char === '$') return this.stepDollar(text, i, frame.isPlain)
    else if (char === '`') this.push({ kind: 'backtick' })
    else if (char === '\\' || char === "'" || char === '"' || char === '{') {
      if (!frame.isPlain || char === '{') this.lose('${')
      else if (char === '\\') return this.escape(text, i)
      else this.push({ kind: char === '"' ? 'double' : 'single' })
    }
    return 1
  }

  private stepHeredoc(frame: HeredocFrame, text: string, i: number): number {
    const char = text[i] ?? ''
    if (char === '\n') {
      this.endHeredocLine(frame)
      return 1
    }
    let length = 1
    if (!frame.quoted && char === '\\') length = this.escape(text, i)
    else if (!frame.quoted && (char === '$' || char === '`'))
      length = this.stepHeredocExpansion(frame, text, i)
    // A line that ends in a backslash goes on, yet the mark is looked for in each line as it is written.
    const read = text.slice(i, i + length)
    if (read.endsWith('\n')) {
      frame.line += read.slice(0, -1)
      this.endHeredocLine(frame)
    } else frame.line += read
    return length
  }

  private stepHeredocExpansion(frame: HeredocFrame, text: string, i: number): number {
    this.note(text, i)
    const rest = text.slice(i, i + 2000)
    const simple = /^(?:\$\{[^{}'"`\\$\n]*\}|\$\([^()'"`\\#{}<\n]*\)|`[^`\\\n]*`)/.exec(rest)
    if (simple) return simple[0].length
    if (/^(?:`|\$[({[])/.test(rest)) frame.lost = true
    return 1
  }

  private endHeredocLine(frame: HeredocFrame): void {
    const line = frame.tabs ? frame.line.replace(/^\t+/, '') : frame.line
    if (line === frame.mark) {
      if (frame.hasValue) refuse(frame.line, `its line ends the here-document ${frame.mark}`)
      this.frames.pop()
    }
    frame.line = ''
    frame.hasValue = false
  }

  private followHeredocValue(frame: HeredocFrame, value: string, quoted: string): void {
    frame.hasValue ||= value !== ''
    const [first = '', ...more] = quoted.split('\n')
    frame.line += first
    for (const line of more) {
      this.endHeredocLine(frame)
      frame.line = line
      frame.hasValue = true
    }
  }

  private escape(text: string, i: number): number {
    if (i + 1 < text.length) return 2
    this.dangling = '\\'
    return 1
  }

  private note(text: string, i: number): void {
    if (i + 1 === text.length && text[i] === '$') this.dangling = '$'
  }

  private push(frame: Frame): void {
    this.frames.push(frame)
  }

  private lose(why: string): void {
    this.push({ kind: 'lost', why })
  }

  private endWord(): void {
    const inSubstitution = this.frame.kind === 'plain' && this.frame.nested
    // The `)` of its branches cannot be told from the one that closes the substitution.
    if (this.words.endWord() === 'case' && inSubstitution) this.lose('case inside $(…)')
    const computed = this.words.computed()
    if (computed !== undefined) refuse(computed, 'only whole numbers can stand where [[ … ]] computes')
  }

  private endCommand(): void {
    this.endWord()
    const piped = this.words.piped()
    if (piped !== undefined) refuse(piped, PROGRAM, OTHERWISE)
    this.words.endCommand()
  }

  private endLine(frame: Plain): void {
    // What runs the output of a here-document can be named after it.
    if (this.pending.length > 0) this.endWord()
    if (this.words.readsProgram()) for (const heredoc of this.pending) heredoc.code = true
    this.endCommand()
    if (!frame.nested) this.words.endPipeline()
    this.startHeredocs(frame)
  }

  private substitute(code: boolean): void {
    const around = this.frame.kind === 'plain' && this.frame.code === true
    this.push({ kind: 'plain', depth: 0, nested: true, code: code || around, words: this.words.leave() })
  }
}
