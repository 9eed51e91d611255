import { mkdirSync, readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { makeFormerData } from '#testing/former-data.ts'

/**
 * `node tools/former-data.ts COMMIT FOLDER`: a data folder of a former version with work under way, to start another
 * version on. What is in it, with tokens and password, stands in its scene.json.
 */
const [commit, folder] = process.argv.slice(2)
if (commit === undefined || folder === undefined) {
  console.error('Usage: node tools/former-data.ts COMMIT FOLDER')
  process.exit(2)
}
const data = resolve(folder)
mkdirSync(data, { recursive: true, mode: 0o700 })
if (readdirSync(data).length > 0) {
  console.error(`${data} is not empty: name another folder`)
  process.exit(2)
}
const { container, repo } = await makeFormerData(commit, data)
console.log(
  `${data} is a data folder of ${commit} with work under way in ${repo}; scene.json in it has the rest.`,
)
console.log(`Start a version on it:     devops server --data ${data}`)
console.log(`Let the running step end:  docker exec ${container.slice(0, 12)} touch /tmp/go`)
console.log(`Remove the server:         docker rm -fv ${container.slice(0, 12)}`)
