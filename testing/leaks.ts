import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { after } from 'node:test'
import { until } from './until.ts'

/** What a process holds open: timers, sockets, child processes, and files by name. */
function held(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of [...activeResources(), ...openFiles()]) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

/** Immediates and file requests are how this check itself, and the runner, get along. */
const passing = new Set(['Immediate', 'FSReqCallback', 'FSReqPromise', 'CloseReq'])
const activeResources = () => process.getActiveResourcesInfo().filter((name) => !passing.has(name))

function openFiles(): string[] {
  try {
    return readdirSync('/proc/self/fd').flatMap((fd) => {
      const target = linkOf(fd)
      return target?.startsWith('/') && !target.startsWith('/proc/') && !target.startsWith('/dev/')
        ? [`file ${target}`]
        : []
    })
  } catch {
    return []
  }
}

function linkOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    // The descriptor by which the folder was read.
    return undefined
  }
}

function grown(before: Map<string, number>): string[] {
  return [...held()].filter(([name, count]) => count > (before.get(name) ?? 0)).map(([name]) => name)
}

/** Call once at the top of a test file: the file fails when its tests leave something open. */
export function failOnLeaks(): void {
  const before = held()
  after(async () => {
    await until(() => grown(before).length === 0, 2_000).catch(() => {})
    assert.deepEqual(grown(before), [], 'tests left these open')
  })
}
