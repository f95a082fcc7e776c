/** That the benchmarks run and count rightly; how fast anything is decides no test. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { markdown, rows } from './report.ts'
import { median, type Road } from './road.ts'

const road: Road = {
  name: 'smtp',
  about: '',
  systems: {},
  measures: {
    rate: { unit: 'a second', better: 'more', target: '8 × postfix', others: 'rate' },
    cost: { unit: 'µs', better: 'less', others: 'cost' },
    alone: { unit: 'MB', better: 'less' },
    untold: { unit: 'MB', better: 'less' },
  },
}
const http: Road = { ...road, name: 'http', measures: { rate: { ...road.measures.rate!, others: 'smtp/rate' } } }

test('the median is the middle, or between the two that are', () => {
  assert.deepEqual([median([]), median([5]), median([9, 1, 5]), median([1, 2, 4, 9])], [null, 5, 5, 3])
})

test('times are above 1 where Waypost is better, for rates and for costs, and across roads', () => {
  const runs = new Map([
    [
      'smtp',
      new Map([
        ['waypost', [100, 900, 300].map((rate) => ({ rate, cost: 50, alone: 1, untold: null }))],
        ['postfix', [{ rate: 30, cost: 200, alone: 7, untold: null }]],
      ]),
    ],
    ['http', new Map([['waypost', [{ rate: 600, cost: 1, alone: 1, untold: null }]]])],
  ])
  const found = rows([road, http], ['postfix', 'haraka'], runs)
  assert.deepEqual(
    found.map(({ road, measure, waypost, others }) => [road, measure, waypost, others]),
    [
      ['smtp', 'rate', 300, { postfix: { median: 30, times: 10 } }],
      ['smtp', 'cost', 50, { postfix: { median: 200, times: 4 } }],
      ['smtp', 'alone', 1, {}],
      ['http', 'rate', 600, { postfix: { median: 30, times: 20 } }],
    ],
  )
  assert.deepEqual(found[0]!.runs, [100, 900, 300])
  const lines = markdown(found, ['postfix', 'haraka'], new Map([['haraka', 'not installed']])).split('\n')
  assert.equal(lines[2], '| smtp | rate | 300 | a second | 30.0 | 10.0 | not installed |  | ≥ 8 × postfix |')
  assert.equal(lines[4], '| smtp | alone | 1.00 | MB |  |  |  |  |  |')
})

test('it runs where nothing else is installed, and writes only JSON', async () => {
  const asked = ['test/bench/run.ts', '--only', 'smtp', 'vendor', '--messages', '20', '--runs', '1', '--json']
  const env = { ...process.env, PATH: '', HARAKA: '/nowhere' }
  const child = spawn(process.execPath, asked, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  assert.deepEqual([code, err], [0, ''])
  const { runs, messages, missing, rows } = JSON.parse(out)
  assert.deepEqual([runs, messages], [1, 20])
  assert.deepEqual(missing, {
    postfix: 'not installed',
    'postfix tuned': 'not installed',
    haraka: 'not installed',
  })
  const figures: { road: string; measure: string; waypost: number }[] = rows
  for (const [name, measure] of [
    ['smtp', 'accepted'],
    ['smtp', 'end to end'],
    ['vendor', 'end to end'],
  ]) {
    assert.ok(figures.find((row) => row.road === name && row.measure === measure)!.waypost > 0)
  }
})

test('a road that is none is said to be none', async () => {
  const child = spawn(process.execPath, ['test/bench/run.ts', '--only', 'nowhere'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const [err, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  assert.equal(code, 1)
  assert.match(err, /There is no such road/)
})
