import { type Candidate, describeProvider } from '../testing/provider-suite.ts'
import { dockerProvider } from './docker.ts'

/** One suite over every provider that makes servers. */
const candidates: Candidate[] = [
  {
    name: 'docker',
    provider: dockerProvider({ plane: `suite-${process.pid}-${Date.now()}` }),
    plain: { name: 'docker', size: 'small' },
    resized: { name: 'docker', size: 'medium' },
    impossible: { name: 'docker', size: 'huge' },
  },
]

for (const candidate of candidates) describeProvider(candidate)
