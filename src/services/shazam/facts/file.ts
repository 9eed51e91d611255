import { quote } from '../quote.ts'
import { batches, type Fact, type FileFact } from './state.ts'

const types: Record<string, FileFact['type']> = { f: 'file', d: 'directory', l: 'link' }

/** `find` and not `stat`: it prints where a link leads without quoting, so that no name can confuse the answer. */
export const files: Fact = {
  name: 'files',
  script: ({ paths }) =>
    batches(paths)
      .map(
        (group) =>
          `within find ${quote(group)} -maxdepth 0 -printf '%p\\0%y\\0%m\\0%u\\0%g\\0%s\\0%l\\0%Y\\0'`,
      )
      .join('\n'),
  read(answer, state) {
    const fields = answer.split('\0')
    for (let at = 0; at + 8 <= fields.length; at += 8) {
      const [path = '', type = '', mode = '', owner = '', group = '', size, to = '', end] = fields.slice(
        at,
        at + 8,
      )
      const fact = { type: types[type] ?? 'other', mode, owner, group, size: Number(size), to }
      state.files.set(path, type === 'l' && end === 'd' ? { ...fact, to_directory: true } : fact)
    }
  },
}

/** Only plain files are read: a FIFO would hold the probe for ever, a link would answer for another file. */
export const hashes: Fact = {
  name: 'hashes',
  script: ({ hashes }) =>
    batches(hashes)
      .map(
        (group) =>
          `within sh -c 'find "$@" -maxdepth 0 -type f -print0 | xargs -0 -r sha256sum -bz --' - ${quote(group)}`,
      )
      .join('\n'),
  read(answer, state) {
    for (const record of answer.split('\0')) {
      const fact = state.files.get(record.slice(66))
      if (fact) fact.sha256 = record.slice(0, 64)
    }
  },
}
