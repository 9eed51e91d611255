import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'

// Preloaded into every process of a trial: one module is read from another file, the tree stays as it is.
const { MUTATE_MODULE: path, MUTATE_SOURCE: source } = process.env
if (path !== undefined && source !== undefined) {
  const url = pathToFileURL(path).href
  registerHooks({
    load: (asked, context, next) =>
      asked === url
        ? { format: 'module-typescript', source: readFileSync(source, 'utf8'), shortCircuit: true }
        : next(asked, context),
  })
}
