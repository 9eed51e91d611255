import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')
/** Written so that no file that holds it is taken for a key. */
const privateKey = `BEGIN [A-Z ]*${'PRIVATE'} KEY`

test('the image that servers are made from holds no key, no known machine and no way in', async () => {
  const look = `grep -rIlE '${privateKey}' /etc /root /home /var /opt /srv /usr/local 2>/dev/null
    find /etc /root /home -name 'ssh_host_*_key*' -o -name authorized_keys -o -name 'id_*' -path '*/.ssh/*'
    awk -F: '$2 !~ /^[!*]/ && $2 != "" { print "password of " $1 }' /etc/shadow`
  const { stdout } = await run('docker', ['run', '--rm', '--entrypoint', 'sh', 'devops-node:12', '-c', look])
  assert.equal(stdout, '')
})

test('no file of the project holds a private key or a token of the platform', async () => {
  const { stdout } = await run('git', ['ls-files', '-z'], { cwd: root, maxBuffer: 16 * 1024 * 1024 })
  const pattern = new RegExp(`-----${privateKey}-----|\\bdevo_[A-Za-z0-9_-]{20,}`)
  const found = stdout
    .split('\0')
    .filter(Boolean)
    .filter((file) => pattern.test(readFileSync(join(root, file), 'latin1')))
  assert.deepEqual(found, [])
})
