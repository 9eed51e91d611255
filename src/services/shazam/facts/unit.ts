import { quote } from '../quote.ts'
import { batches, type Fact } from './state.ts'

/** systemd answers in the order of the question, a block each: an alias may answer under another name. */
export const units: Fact = {
  name: 'units',
  script: ({ units }) =>
    batches(units)
      .map(
        (group) =>
          `within systemctl show -p LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload -- ${quote(group)}`,
      )
      .join('\necho\n'),
  read(answer, state, questions) {
    const blocks = answer.trim().split(/\n\n+/)
    for (const [at, name] of [...questions.units].entries()) {
      const fields = Object.fromEntries((blocks[at] ?? '').split('\n').map((line) => line.split('=', 2)))
      state.units.set(name, {
        load: fields.LoadState ?? 'not-found',
        active: fields.ActiveState ?? 'inactive',
        sub: fields.SubState ?? '',
        enabled: fields.UnitFileState ?? '',
        needs_reload: fields.NeedDaemonReload === 'yes',
      })
    }
  },
}
