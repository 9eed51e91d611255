import { unitFile } from '../normal.ts'
import { quote } from '../quote.ts'
import { batches, type Fact, type UnitFact } from './state.ts'

const properties = [
  'Id',
  'Names',
  'LoadState',
  'ActiveState',
  'SubState',
  'UnitFileState',
  'NeedDaemonReload',
  'Type',
  'RemainAfterExit',
  'ConditionResult',
  'ConditionTimestampMonotonic',
]

/** A block each, with all names that the unit answers to: an alias is told by the unit that it stands for. */
export const units: Fact = {
  name: 'units',
  script: ({ units }) => {
    const groups = batches([...units].map(unitFile))
    return groups.length === 0 ? '' : [showUnit, ...groups.map(showAll)].join('\n')
  },
  read(answer, state, questions) {
    const byName = new Map<string, UnitFact>()
    for (const block of answer.trim().split(/\n\n+/)) {
      const fields = new Map(block.split('\n').map((line) => line.split(/=(.*)/s, 2) as [string, string]))
      const fact = factOf(fields)
      for (const name of (fields.get('Names') ?? '').split(' ')) byName.set(name, fact)
    }
    for (const name of questions.units) state.units.set(name, byName.get(unitFile(name)) ?? factOf(new Map()))
  },
}

/** One name that is no unit (a template, one that is not valid) ends the answer for all after it. */
const showAll = (group: string[]) =>
  `within systemctl show -p ${properties.join(',')} -- ${quote(group)} || for unit in ${quote(group)}; do show_unit "$unit"; done`

const showUnit = `show_unit() {
  echo
  case $1 in
  *@.*) printf 'Names=%s\\nUnitFileState=%s\\n' "$1" "$(within systemctl is-enabled -- "$1")" ;;
  *) within systemctl show -p ${properties.join(',')} -- "$1" ;;
  esac
}`

function factOf(fields: Map<string, string>): UnitFact {
  const enabled = fields.get('UnitFileState') ?? ''
  return {
    id: fields.get('Id') ?? '',
    load: fields.get('LoadState') ?? (enabled && enabled !== 'not-found' ? 'loaded' : 'not-found'),
    active: fields.get('ActiveState') ?? 'inactive',
    sub: fields.get('SubState') ?? '',
    enabled: enabled === 'not-found' ? '' : enabled,
    needs_reload: fields.get('NeedDaemonReload') === 'yes',
    ends: fields.get('Type') === 'oneshot' && fields.get('RemainAfterExit') === 'no',
    unmet:
      fields.get('ConditionResult') === 'no' && Number(fields.get('ConditionTimestampMonotonic') ?? 0) > 0,
  }
}
