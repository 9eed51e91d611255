import type { Cron, Infrastructure, Node, Step, Task, Webhook } from '#contracts/descriptors.ts'
import { REPO } from './world.ts'

export const commitId = (n: number): string => n.toString(16).padStart(40, '0')

export const aNode = (id: string, configuration: Node['configuration'] = {}): Node => ({
  id,
  type: 'server',
  provider: { name: 'docker' },
  services: {},
  configuration,
  vars: {},
})

export const aTask = (
  id: string,
  steps: (Step | string)[],
  {
    targets = ['web'],
    events = [] as string[],
    webhooks = [] as Webhook[],
    crons = [] as Cron[],
    vars = {},
  } = {},
): Task => ({
  id,
  type: 'task',
  vars,
  triggers: { webhooks, crons, events },
  targets,
  steps: steps.map((step) => (typeof step === 'string' ? { run: step } : step)),
})

/** The n-th commit. */
export const tip = (
  n: number,
  nodes: (Node | string)[],
  tasks: Task[] = [],
  more: Partial<Infrastructure> = {},
): Infrastructure => ({
  repo: REPO,
  commit: commitId(n),
  nodes: nodes.map((node) => (typeof node === 'string' ? aNode(node) : node)),
  tasks,
  scripts: {},
  services: [],
  ...more,
})
