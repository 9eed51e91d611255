import { resolve } from 'node:path'

/** The services that ship with the platform. */
export const catalogFolder = resolve(import.meta.dirname, '../catalog')
