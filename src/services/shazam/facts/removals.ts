import { quote } from '../quote.ts'
import type { Removals } from './state.ts'

/** Packages that should leave, in order, and what must stay whatever they take along. */
export interface Leaving {
  leave: { name: string; purge: boolean }[]
  /** Described, kept, or given back: they count as wanted for themselves. */
  stay: string[]
  /** Paths that no purge may take. */
  kept: string[]
}

/**
 * Asks apt what would become of the node, without doing it: with a copy of its marks in which what stays is wanted. What
 * we did not bring, and what somebody has asked for by hand meanwhile, stays as well.
 */
export const removalsScript = ({ leave, stay, kept }: Leaving): string => `main() (
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
work=$(mktemp -d) || exit
trap 'rm -rf -- "$work"' EXIT
cd "$work" || exit
native=$(dpkg --print-architecture)
plain() { sed "s/:\${native}\\$//; s/:all\\$//" | sort -u; }
dpkg-query -W -f '\${db:Status-Status} \${binary:Package}\\n' | sed -n '/^not-installed /d; /^config-files /d; s/^[^ ]* //p' | plain >installed
sort -u /var/lib/devops/brought 2>/dev/null | comm -12 - installed >brought
apt-mark showmanual | plain >manual
printf '%s\\n' ${quote(leave.map(({ name }) => name))} | sort -u >leave
printf '%s\\n' ${quote(stay)} | sort -u >stay
{ cat stay; comm -23 installed brought; comm -12 brought manual; } | sort -u | comm -23 - leave >must
# Marks: what stays is wanted, the given ones are dependencies.
marks() {
  awk 'FNR == NR { wanted[$1]; next } /^Package: / { name = $2 } /^Auto-Installed: 1/ && name in wanted { sub(1, 0) } { print }' \\
    stay /var/lib/apt/extended_states 2>/dev/null >marks
  for each; do printf '\\nPackage: %s\\nArchitecture: %s\\nAuto-Installed: 1\\n' "\${each%%:*}" "$(dpkg-query -W -f '\${Architecture}' -- "$each" | sed "s/^all\\$/$native/")" >>marks; done
}
: >>/var/lib/apt/extended_states
# What leaves may protect others from autoremove, as PostgreSQL does for each version with a cluster.
echo '#clear APT::NeverAutoRemove;' >clear
simulate() {
  apt-get -s -q -c "$work/clear" -o Dir::State::extended_states="$work/marks" -o APT::AutoRemove::SuggestsImportant=false \\
    -o APT::AutoRemove::RecommendsImportant=false --allow-change-held-packages "$@" >said 2>errors || { echo apt >bad; return 1; }
  sed -n 's/^Remv \\([^ ]*\\).*/\\1/p' said | plain >removed
  { comm -12 removed must; sed -n 's/^Inst \\([^ ]*\\).*/\\1/p' said; } | sort -u >bad
  [ ! -s bad ]
}
marks
ok=
blocked=
simulate remove -- $(cat leave) && ok=$(cat leave) || for each in $(cat leave); do
  if simulate remove -- $ok "$each"; then ok="$ok $each"; else
    blocked="$blocked $each"
    printf 'blocked %s %s\\n' "$each" "$(tr '\\n' ' ' <bad)"
  fi
done
[ -n "$ok" ] || exit 0
printf 'leave %s\\n' $ok
[ -z "$blocked" ] || simulate remove -- $ok
comm -23 removed leave >along
marks $blocked
simulate autoremove -- $ok || :
comm -12 removed brought | comm -23 - leave | comm -23 - must >>along
sort -u along | sed 's/^/along /'
guarded() {
  cat /var/lib/dpkg/info/"$1".postrm /var/lib/dpkg/info/"$1":"$native".postrm 2>/dev/null | grep -qE -e "$2" ||
    cat /var/lib/dpkg/info/"$1".conffiles /var/lib/dpkg/info/"$1":"$native".conffiles 2>/dev/null | grep -qxF -e "$3"
}
for each in $ok $(cat along); do
  :
${kept.map(guardLine).join('\n')}
done
)
main </dev/null 2>/dev/null
`

/** Folders that belong to everybody: that a script names one says nothing. */
const shared =
  /^\/(var\/(lib|log|cache|spool|www)|usr\/\w+|etc\/(default|init\.d|cron\.\w+|systemd|logrotate\.d)|home\/[^/]+)$/

/** A script seldom names the very path: it takes a folder above. */
function namedAs(path: string): string {
  const parts = path.split('/').slice(1)
  const folders = parts.slice(1).map((_, at) => `/${parts.slice(0, at + 2).join('/')}`)
  const named = [...folders.filter((folder) => !shared.test(folder)), path]
  const escaped = [...new Set(named)].map((each) => each.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return `(${escaped.join('|')})([^[:alnum:]_.-]|$)`
}

const guardLine = (path: string) =>
  `  ! guarded "$each" ${quote(namedAs(path))} ${quote(path)} || printf 'guards %s %s\\n' "$each" ${quote(path)}`

export function readRemovals(answer: string, { leave }: Leaving): Removals {
  const lines = answer.split('\n').map((line) => line.split(' '))
  const told = (word: string) => lines.filter(([first]) => first === word).map((words) => words.slice(1))
  const guards = new Map(told('guards').map(([name = '', ...path]) => [name, path.join(' ')]))
  const leaves = new Set(told('leave').map(([name]) => name))
  return {
    leave: leave.map(({ name }) => name).filter((name) => leaves.has(name)),
    blocked: new Map(told('blocked').map(([name = '', ...by]) => [name, by.filter(Boolean)])),
    along: told('along').flatMap(([name]) => name ?? []),
    guards,
  }
}
