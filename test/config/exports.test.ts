import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { exporters } from '../../adapters/index.ts'
import { accepted, least, refused } from './reading.ts'

const read = (text: string) => accepted(`${least}${text}`, { exporters })
const wrong = (text: string) => refused(`${least}${text}`, { exporters })

describe('exports', () => {
  it('are those that there are, with settings of their own', async () => {
    assert.deepEqual((await read('')).exports, [])
    const { exports } = await read('exports: { postmastery: { apiKey: k, datasetId: d-1 } }')
    assert.deepEqual(
      exports.map(({ exporter, options }) => [exporter.name, options]),
      [['postmastery', { apiKey: 'k', datasetId: 'd-1', redact: false, baseUrl: 'https://app.postmastery.eu' }]],
    )
  })

  it('refuse what is unknown, missing or wrong, and never repeat a secret', async () => {
    for (const [text, message] of [
      [
        'exports: { postmasters: {} }',
        /^3:12 exports\.postmasters: there is no such exporter \(did you mean "postmastery"\?\)/,
      ],
      ['exports: { postmastery: { datasetId: d } }', /^3:12 exports\.postmastery.apiKey: /],
      ['exports: { postmastery: { apiKey: s3cret, datasetId: a/b } }', /dataset/],
      ['exports: { postmastery: { apiKey: s3cret, datasetId: d, key: x } }', /unknown key "key"/],
      ['exports: [postmastery]', /^3:10 exports: /],
      ['webhooks: { allowPrivate: maybe }', /^3:27 webhooks\.allowPrivate: /],
      ['webhooks: { private: true }', /unknown key "private"/],
    ] as const) {
      const [first = '', ...more] = await wrong(text)
      assert.match(first, message)
      assert.deepEqual(more, [])
      assert.ok(!first.includes('s3cret'))
    }
    assert.equal((await read('webhooks: { allowPrivate: true }')).webhooks.allowPrivate, true)
    assert.equal((await read('')).webhooks.allowPrivate, false)
  })
})
