/** The simple command that is being written: its words so far, and the one that is not yet ended. */
export class Words {
  /** Of what is not literal only that it is there: `x`. */
  word = ''
  private words: string[] = []

  add(text: string): void {
    this.word += text
  }

  /** Returns the word that was ended; empty when there was none. */
  endWord(): string {
    const word = this.word
    this.word = ''
    if (word !== '') this.words.push(word)
    return word
  }

  endCommand(): void {
    this.endWord()
    this.words = []
  }

  /** A substitution begins: a command of its own. */
  leave(): string[] {
    const { words } = this
    this.words = []
    this.word = ''
    return words
  }

  /** It has ended, as a part of a word. */
  goOn(words: string[]): void {
    this.words = words
    this.word = 'x'
  }

  isSubscript(): boolean {
    return /^[A-Za-z_]\w*\[[^\]]*$/.test(this.word)
  }

  /** Is the word that begins here a program for some other interpreter: `sh -c "…"`, `eval "…"`, `ssh host "…"`? */
  isCode(): boolean {
    const previous = this.words[this.words.length - 1] ?? ''
    if (this.words.some((word) => /^(?:.*\/)?(?:eval|ssh|trap)$/.test(word))) return true
    return /^(?:-\w*[ce]|--command|--eval|--execute)$/.test(previous) && this.isForInterpreter()
  }

  isForInterpreter(): boolean {
    return this.words.some(isInterpreter)
  }
}

const isInterpreter = (word: string): boolean =>
  /^(?:.*\/)?(?:(?:ba|da|z|k|a)?sh|su|runuser|ssh|eval|python[\d.]*|perl|ruby|node|php|awk|xargs)$/.test(word)
