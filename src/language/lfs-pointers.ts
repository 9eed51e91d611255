import type { Finding } from '#contracts/descriptors.ts'
import type { File } from './repository.ts'
import { isBinary } from './service.ts'

/** https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md */
const start = 'version https://git-lfs.github.com/spec/'
const inBase64 = Buffer.from(start).toString('base64').replace(/=+$/, '').slice(0, -1)

/** The platform has no LFS store: a pointer would reach the servers in place of the file. */
export const lfsPointerFindings = (files: readonly File[], accepted: boolean): Finding[] =>
  files.filter(isPointer).map(({ path }) => ({
    severity: accepted ? 'warning' : 'error',
    path,
    line: 1,
    column: 1,
    at: '',
    message: 'is a pointer of Git LFS, not the file: store the file itself in Git',
  }))

const isPointer = ({ path, content }: File): boolean => content.startsWith(isBinary(path) ? inBase64 : start)
