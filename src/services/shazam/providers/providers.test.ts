import { after } from 'node:test'
import { startBrokenEngines } from '../testing/broken-engines.ts'
import { type Candidate, describeProvider } from '../testing/provider-suite.ts'
import { dockerProvider } from './docker.ts'

const plane = `suite-${process.pid}-${Date.now()}`
const engines = await startBrokenEngines()
after(() => engines[Symbol.asyncDispose]())

/** One suite over every provider that makes servers. */
const candidates: Candidate[] = [
  {
    name: 'docker',
    provider: dockerProvider({ plane }),
    plain: { name: 'docker', size: 'small' },
    resized: { name: 'docker', size: 'medium' },
    impossible: { name: 'docker', size: 'huge' },
    broken: [
      {
        what: 'an engine that is away',
        provider: dockerProvider({ plane, docker: engines.absent }),
        kind: 'retry',
      },
      {
        what: 'an engine that does not know the question',
        provider: dockerProvider({ plane, docker: engines.tooOld }),
        kind: 'final',
      },
      {
        what: 'an engine that wants another certificate',
        provider: dockerProvider({ plane, docker: engines.closed }),
        kind: 'credentials',
      },
      {
        what: 'an engine whose disk is full',
        provider: dockerProvider({ plane, docker: engines.full }),
        kind: 'quota',
      },
    ],
  },
]

for (const candidate of candidates) describeProvider(candidate)
