import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { planLive } from '../plan.ts'
import { readProbe } from '../probe.ts'
import { graphOf } from '../testing/graphs.ts'
import { noQuestions } from './state.ts'

interface Case {
  title: string
  machine: string
  os_release: string
  os: Record<string, string>
  repository: string
  ppa: string
}

const cases = parse(readFileSync(join(import.meta.dirname, 'cases/systems.yml'), 'utf8')) as Case[]

for (const each of cases)
  test(`${each.title} is known by what it says of itself, and gets its own repositories`, () => {
    const files = each.os_release
      .trim()
      .split('\n')
      .map((line) => `/etc/os-release\0${line}`)
    const answer = [
      '\nn:system',
      ...files,
      '=architecture',
      each.machine,
      '=container',
      '',
      'n:end',
      '',
    ].join('\n')
    const state = readProbe(answer, noQuestions(), 'n')
    assert.deepEqual(state.system.os, each.os)
    const graph = graphOf(`resources:
  - apt_repository: deb [arch={architecture}] https://apt.example.com/{id} {codename} main
  - apt_repository: ppa:ann/tools`)
    const [repository, ppa] = planLive(graph, state, []).changes
    assert.ok(repository?.diff?.includes(each.repository), each.repository)
    if (each.ppa === 'skipped') assert.equal(ppa?.verdict, 'skipped')
    else assert.ok(ppa?.diff?.includes(each.ppa), each.ppa)
  })
