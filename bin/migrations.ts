import { migrations as bus } from '#bus/embedded/schema.ts'
import { git } from '#services/git/index.ts'
import { logger } from '#services/logger/index.ts'
import { monitor } from '#services/monitor/index.ts'
import { profiles } from '#services/profiles/index.ts'
import { registry } from '#services/registry/index.ts'
import { tasker } from '#services/tasker/index.ts'
import type { Migration } from '#store'

/** What a platform of this version has applied to its store. */
export const allMigrations: readonly Migration[] = [
  ...bus,
  ...[logger, registry, profiles, git, tasker, monitor].flatMap(({ migrations }) => migrations),
]
