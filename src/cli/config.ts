import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Failure } from './failure.ts'

export const DEFAULT_SERVER = 'http://127.0.0.1:7780'

export interface Config {
  server?: string
  token?: string
}

export const configFile = (env: NodeJS.ProcessEnv, home: string): string =>
  join(env.XDG_CONFIG_HOME || join(home, '.config'), 'devops', 'config.json')

export function readConfig(file: string): Config {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return {}
  }
  try {
    return JSON.parse(text) as Config
  } catch (error) {
    throw new Failure(
      `${file} is no JSON: ${(error as Error).message}`,
      'Remove it and sign in with `devops login`.',
    )
  }
}

/** Written for the owner's eyes only, also when the file was there with other rights. */
export function saveConfig(file: string, config: Config): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(file, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 })
  chmodSync(file, 0o600)
}

export const removeConfig = (file: string): void => rmSync(file, { force: true })
