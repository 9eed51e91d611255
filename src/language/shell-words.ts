import { DYNAMIC, isProgram, prints, readsProgram } from './shell-commands.ts'

const COMPARES = /^-(?:eq|ne|lt|le|gt|ge)$/

/** The simple command that is being written: its words so far, and the one that is not yet ended. */
export class Words {
  /** Of what is quoted or not literal only that it is there: `x`. */
  word = ''
  /** The same without its quotes, as the shell hands it on; `DYNAMIC` for what is not literal. */
  private literal = ''
  private words: string[] = []
  /** Values that a command before a `|` prints; those in `[[ … ]]`. */
  private printed: string[] = []
  private tested: string[] | undefined
  private computes = false

  add(text: string): void {
    this.word += text
    this.literal += text
  }

  /** What stands in quotes or after a backslash. */
  addQuoted(text: string): void {
    this.word ||= 'x'
    this.literal += text
  }

  addDynamic(): void {
    this.word += 'x'
    this.literal += DYNAMIC
  }

  addValue(value: string, isBare: boolean): void {
    if (isBare) return
    if (prints(this.words)) this.printed.push(value)
    this.tested?.push(value)
  }

  /** Returns the word that was ended; empty when there was none. */
  endWord(): string {
    const { word, literal } = this
    this.word = ''
    this.literal = ''
    if (word === '[[') this.tested = []
    if (this.tested && COMPARES.test(literal)) this.computes = true
    if (word === ']]') {
      this.tested = undefined
      this.computes = false
    }
    if (word !== '') this.words.push(literal)
    return word
  }

  endCommand(): void {
    this.endWord()
    this.words = []
  }

  endPipeline(): void {
    this.printed = []
  }

  /** A value that the command, which ends here, would run, since it is printed into it. */
  piped(): string | undefined {
    return this.printed.length > 0 && this.readsProgram() ? this.printed[0] : undefined
  }

  /** A value in which `[[ … -eq … ]]` would compute. */
  computed(): string | undefined {
    return this.computes ? this.tested?.find((value) => !/^-?\d{1,18}$/.test(value)) : undefined
  }

  /** A substitution begins: a command of its own. */
  leave(): string[] {
    const { words } = this
    this.words = []
    this.word = ''
    this.literal = ''
    return words
  }

  /** It has ended, as a part of a word. */
  goOn(words: string[]): void {
    this.words = words
    this.word = 'x'
    this.literal = DYNAMIC
  }

  isSubscript(): boolean {
    return /^[A-Za-z_]\w*\[[^\]]*$/.test(this.word)
  }

  /** Is the word that begins or goes on here a program for some other interpreter: `sh -c "…"`, `eval …`? */
  isCode(): boolean {
    return isProgram(this.words, this.literal)
  }

  /** Is a here-document, or the output of `<(…)`, a program for it? */
  readsProgram(): boolean {
    return readsProgram(this.words) || /^(?:source|\.)$/.test(this.words[0] ?? '')
  }
}
