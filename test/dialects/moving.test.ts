import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dialects } from '../../src/dialects/index.ts'
import { moved, moving } from '../../src/dialects/moving.ts'
import { movingInReadme } from './readme.ts'

test('every dialect says what to change in an application, under its own name', () => {
  for (const { name } of dialects) assert.ok((moving[name]?.moves.length ?? 0) > 0, name)
})

test('every place in a line is filled', () => {
  const values = { url: 'https://mail.example.com', key: 'k', id: 'i', secret: 's' }
  for (const name of Object.keys(moving)) {
    for (const { set } of moved(name, values)) assert.doesNotMatch(set, /\{(?:url|host|key|id|secret)\}/, set)
  }
  assert.equal(moved('postmark', values)[0]!.set, "new ServerClient('k', { requestHost: 'mail.example.com' })")
})

test('the table in src/dialects/README.md is what the dialects say (node test/dialects/readme.ts writes it)', async () => {
  const { is, should } = await movingInReadme()
  assert.equal(is, should)
})
