import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { isProblem } from '#kit/problem.ts'
import { renderShell } from './index.ts'

const shells = ['/bin/dash', '/bin/bash', '/usr/bin/busybox'].filter((path) => existsSync(path))

/** Lines in which another program parses the value. */
const refused = String.raw`
eval echo {{ x }}
eval "echo {{ x }}"
eval 'echo {{ x }}'
"eval" echo {{ x }}
'eval' echo {{ x }}
e\val echo {{ x }}
ev''al echo {{ x }}
command eval echo {{ x }}
builtin eval echo {{ x }}
X=1 eval echo {{ x }}
if eval echo {{ x }}; then :; fi
sh -c "echo {{ x }}"
sh -c 'echo {{ x }}'
sh -c {{ x }}
sh -c echo\ {{ x }}
"bash" -c "echo {{ x }}"
'bash' -c "echo {{ x }}"
b"as"h -c "echo {{ x }}"
/bin/bash -c "echo {{ x }}"
"/bin/bash" -c "echo {{ x }}"
bash "-c" "echo {{ x }}"
bash -ec "echo {{ x }}"
bash -e -c "echo {{ x }}"
bash -c -e "echo {{ x }}"
bash -lc "echo {{ x }}"
env bash -c "echo {{ x }}"
env A=1 bash -c "echo {{ x }}"
exec sh -c "echo {{ x }}"
nohup sh -c "echo {{ x }}" &
timeout 5 sh -c "echo {{ x }}"
sudo -u www sh -c "echo {{ x }}"
sudo sh -c "echo {{ x }}"
su -c "echo {{ x }}"
su - www -c "echo {{ x }}"
runuser -u www -- sh -c "echo {{ x }}"
busybox sh -c "echo {{ x }}"
docker exec web sh -c "echo {{ x }}"
ssh host "echo {{ x }}"
ssh host echo {{ x }}
"ssh" host 'echo {{ x }}'
xargs sh -c "echo {{ x }}"
xargs -I{} sh -c 'echo {} {{ x }}'
find . -exec sh -c "echo {{ x }}" \;
SH=bash; $SH -c "echo {{ x }}"
SH=bash; "$SH" -c "echo {{ x }}"
python3 -c "print('{{ x }}')"
python3 -c 'print("{{ x }}")'
perl -e "print '{{ x }}'"
perl -ne "print if /{{ x }}/" f
ruby -e "puts '{{ x }}'"
node -e "console.log('{{ x }}')"
node --eval="console.log('{{ x }}')"
php -r "echo '{{ x }}';"
awk "/{{ x }}/ {print}" f
awk -F: '$1 == "{{ x }}"' f
sed "s/a/{{ x }}/" f
sed -e 's/a/{{ x }}/' f
sed -i -e "s/a/{{ x }}/" f
psql -c "select '{{ x }}'"
psql --command="select '{{ x }}'"
mysql -e"select '{{ x }}'"
sqlite3 db "select '{{ x }}'"
trap "echo {{ x }}" EXIT
trap 'echo {{ x }}' EXIT
let "a = {{ x }}"
let a={{ x }}
[[ {{ x }} -eq 1 ]]
[[ 1 -lt {{ x }} ]]
[[ -v {{ x }} ]]
[ -v {{ x }} ]
printf -v {{ x }} 1
declare {{ x }}=1
declare -i n={{ x }}
export {{ x }}
unset {{ x }}
echo $(( {{ x }} + 1 ))
source <(echo {{ x }})
. <(echo {{ x }})
bash <(echo {{ x }})
echo "echo {{ x }}" | sh
printf '%s\n' {{ x }} | sudo bash -s
echo "select '{{ x }}'" | psql db
bash -c "echo $(printf %s {{ x }})"
eval "$(printf %s {{ x }})"
sh <<E${'\n'}echo {{ x }}${'\n'}E
cat <<E | sh${'\n'}echo {{ x }}${'\n'}E
"bash" <<'E'${'\n'}echo {{ x }}${'\n'}E
alias l="echo {{ x }}"
rsync -e "ssh -i {{ x }}" a b
`
  .trim()
  .split(/\n(?!echo \{\{ x \}\}\nE|E(?:\n|$))/)

/** Lines in which it is data. Those that this machine can run are run. */
const accepted = String.raw`
echo {{ x }}
echo eval {{ x }}
echo "{{ x }}"
echo sh -c {{ x }}
printf '%s\n' {{ x }}
printf '%s\n' "a {{ x }} b"
printf '%s\n' 'a {{ x }} b'
grep {{ x }} /dev/null
grep -e {{ x }} /dev/null
grep -c "{{ x }}" /dev/null
grep -F -- '{{ x }}' /dev/null
awk '{print $1}' {{ x }}
awk -F: '{print $1}' "{{ x }}"
awk -v v={{ x }} 'BEGIN {print v}'
awk -f /dev/null {{ x }}
sed s/a/b/ {{ x }}
sed -e s/a/b/ -- "{{ x }}"
sed -n 1p {{ x }}
sh -c 'echo "$1"' sh {{ x }}
bash -c 'echo "$1"' bash "{{ x }}"
env X={{ x }} sh -c 'echo "$X"'
X={{ x }} sh -c 'echo "$X"'
X={{ x }}; echo "$X"
export X={{ x }}; sh -c 'echo "$X"'
export X="{{ x }}"
python3 -c 'import sys; print(sys.argv[1])' {{ x }}
python3 no-script.py {{ x }}
perl -e 'print shift' {{ x }}
perl -e 'print shift' -- "{{ x }}"
node -e 'console.log(process.argv[1])' -- {{ x }}
psql -v v={{ x }} -f query.sql db
psql -h {{ x }} db
mysql -u {{ x }} db
sqlite3 {{ x }} .tables
sh no-script.sh {{ x }}
bash no-script.sh "{{ x }}"
xargs -a /dev/null echo {{ x }}
find . -maxdepth 0 -name {{ x }}
find . -maxdepth 0 -name "{{ x }}" -exec echo {} \;
test -n {{ x }}
[ {{ x }} = a ] || true
[ -f "{{ x }}" ] || true
case {{ x }} in a) echo a;; esac
for each in {{ x }}; do echo "$each"; done
cat <<E${'\n'}<{{ x }}>${'\n'}E
cat <<'E'${'\n'}<{{ x }}>${'\n'}E
echo {{ x }} | cat
echo {{ x }} | grep a || true
echo {{ x }} | wc -c
echo {{ x }}; echo 'echo fine' | sh
mkdir -p -- /nowhere/{{ x }}
cd -- {{ x }} || true
echo "$(printf %s {{ x }})"
systemctl status {{ x }}
rsync -a {{ x }} /nowhere/there
id {{ x }}
`
  .trim()
  .split(/\n(?!<\{\{ x \}\}>\nE|E(?:\n|$))/)

const hostile = [
  '$(touch RAN)',
  '`touch RAN`',
  ';touch RAN;',
  "';touch RAN;'",
  '";touch RAN;"',
  '\ntouch RAN\n',
  'a[$(touch RAN)]',
  "'$(touch RAN)'",
  '|touch RAN #',
]

describe('a value that another program would parse', () => {
  for (const template of refused)
    it(`is refused: ${JSON.stringify(template)}`, () => {
      for (const x of hostile)
        assert.throws(
          () => renderShell(template, { x }),
          (error) =>
            isProblem(error, 'invalid') && /cannot be put into the script safely/.test(error.message),
        )
      if (/-c|eval/.test(template) && !/\$\(\(/.test(template))
        assert.throws(() => renderShell(template, { x: hostile[0] }), /`env:`|only whole numbers/)
    })
})

describe('a value that is data stays accepted, and runs nothing', () => {
  for (const template of accepted)
    it(JSON.stringify(template), () => {
      const cwd = mkdtempSync(join(tmpdir(), 'shell-'))
      try {
        for (const x of hostile)
          for (const shell of shells) {
            const script = renderShell(template, { x })
            const words = shell.endsWith('busybox') ? ['sh', '-c', script] : ['-c', script]
            spawnSync(shell, words, { cwd, timeout: 20_000, input: '' })
            assert.ok(!existsSync(join(cwd, 'RAN')), `${shell} ran it: ${script}`)
          }
      } finally {
        rmSync(cwd, { recursive: true })
      }
    })
})
