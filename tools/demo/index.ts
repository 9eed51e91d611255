import { existsSync, readFileSync } from 'node:fs'
import { root, setUp, stopOwnDocker } from '../setup/index.ts'
import { shellWord } from '../shell-word.ts'
import { clean } from './clean.ts'
import { folder, type Ports, ports, startServer, stopServer } from './platform.ts'
import { change, firstPush, prepareUser } from './push.ts'
import { heading, note, ShownError } from './screen.ts'
import { followNode, followRun, pageOf } from './watch.ts'

/** `npm run demo`: the main job from nothing to a page served by a real server. */
async function demo(): Promise<void> {
  const started = Date.now()
  await setUp(note)

  heading('The platform')
  note((await startServer()) ? 'started' : 'runs already')
  const user = await prepareUser()

  heading('git push')
  const first = await firstPush(user)
  if (!first) await change(user)

  heading(first ? 'The server is created and synced, live' : 'The server follows the change, live')
  await followNode(user, 'web')

  heading(first ? 'The task that node.web.create.success starts' : 'The task, by hand')
  await followRun(user, 'publish', first)

  heading('The page, from the server’s nginx')
  console.log(await pageOf(user, 'web'))

  heading(`Done in ${Math.round((Date.now() - started) / 1000)} s. The platform goes on running`)
  console.log(goOn(await ports()))
}

function goOn({ api, ssh }: Ports): string {
  const devops = `XDG_CONFIG_HOME=${shellWord(folder)} ${shellWord(`${root}/bin/devops`)}`
  return `  alias devops=${shellWord(devops)}
  cd ${shellWord(`${folder}/hello`)}
                                the repository: change nodes/web.yml, commit, git push
  devops status                 what runs and what waits
  devops info web               address, facts, services
  devops run publish            the task by hand
  devops logs -f --node web     every line of every sync
  devops ssh web --identity ../id_ed25519
                                a shell on the server
  http://127.0.0.1:${api}/openapi.json
                                the API; Git over SSH is at port ${ssh}
  npm run demo                  again: changes the server and follows
  npm run demo -- --stop        stops the platform, keeps everything
  npm run demo -- --clean       stops it and removes all that the demo made`
}

async function stop(): Promise<void> {
  console.log(
    (await stopServer())
      ? 'The platform is stopped; its servers and data are kept.'
      : 'The platform does not run.',
  )
}

const HELP = `npm run demo [-- OPTION]

Sets up what the machine lacks, starts the platform, pushes examples/hello and shows all of it. A second run changes
the server and follows.

  --stop   stops the platform, and keeps its servers and data
  --clean  stops it, and removes all that the demo made
  --help   shows this`

const wanted = process.argv.slice(2)
let interrupted = false
process.once('SIGINT', async () => {
  interrupted = true
  console.log('\nStopping the platform …')
  await stopServer()
  process.exit(130)
})
try {
  if (wanted.length === 0) await demo()
  else if (wanted[0] === '--help' || wanted[0] === '-h') console.log(HELP)
  else if (wanted[0] === '--stop') await stop()
  else if (wanted[0] === '--clean') {
    await stop()
    await clean()
    await stopOwnDocker()
  } else {
    console.error(`unknown option ${wanted[0]}\n\n${HELP}`)
    process.exitCode = 2
  }
} catch (error) {
  // What fails now fails because the platform is being stopped; the handler ends the process.
  if (interrupted) await new Promise(() => {})
  console.error(`\nThe demo stopped: ${(error as Error).message}`)
  if (!(error instanceof ShownError) && existsSync(`${folder}/server.log`))
    console.error(
      `The end of ${folder}/server.log:\n${readFileSync(`${folder}/server.log`, 'utf8').slice(-1500)}`,
    )
  process.exitCode = 1
}
process.exit()
