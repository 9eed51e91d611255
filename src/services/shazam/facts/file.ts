import { quote } from '../quote.ts'
import { batches, type Fact, type FileFact } from './state.ts'

const types: Record<string, FileFact['type']> = { f: 'file', d: 'directory', l: 'link' }

/** `find` and not `stat`: it prints where a link leads without quoting, so that no name can confuse the answer. */
export const files: Fact = {
  name: 'files',
  script: ({ paths }) =>
    batches(paths)
      .map((group) => `find ${quote(group)} -maxdepth 0 -printf '%p\\0%y\\0%m\\0%u\\0%g\\0%s\\0%l\\0'`)
      .join('\n'),
  read(answer, state) {
    const fields = answer.split('\0')
    for (let at = 0; at + 7 <= fields.length; at += 7) {
      const [path = '', type = '', mode = '', owner = '', group = '', size, to = ''] = fields.slice(
        at,
        at + 7,
      )
      state.files.set(path, { type: types[type] ?? 'other', mode, owner, group, size: Number(size), to })
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
          `set --\nfor f in ${quote(group)}; do [ ! -L "$f" ] && [ -f "$f" ] && set -- "$@" "$f"; done\n[ $# = 0 ] || sha256sum -bz -- "$@"`,
      )
      .join('\n'),
  read(answer, state) {
    for (const record of answer.split('\0')) {
      const fact = state.files.get(record.slice(66))
      if (fact) fact.sha256 = record.slice(0, 64)
    }
  },
}
