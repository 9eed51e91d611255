import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { openapiDocument } from './document.ts'

test('the OpenAPI document passes an independent linter: tags, descriptions, licence, servers and 4xx answers', async () => {
  const config = await createConfig({ extends: ['recommended-strict'] })
  const problems = await lintFromString({ source: JSON.stringify(await openapiDocument()), config })
  // A model that only the client names is no fault of the document.
  const told = problems.filter(({ ruleId }) => ruleId !== 'no-unused-components')
  assert.deepEqual(
    told.map(({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer}: ${message}`),
    [],
  )
})

test('the linter would notice: a document without licence and 4xx answers has errors', async () => {
  const config = await createConfig({ extends: ['recommended-strict'] })
  const document = (await openapiDocument()) as { info: { license?: object } }
  delete document.info.license
  const problems = await lintFromString({ source: JSON.stringify(document), config })
  assert.ok(problems.some(({ ruleId }) => ruleId === 'info-license'))
})
