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

test('how many times as good as nothing at all is not said', () => {
  const lost: Road = {
    name: 'failover',
    about: '',
    systems: {},
    beside: ['a loop'],
    measures: { lost: { unit: 'mails', better: 'less', others: 'lost' } },
  }
  const of = (waypost: number, loop: number) =>
    rows(
      [lost],
      ['a loop', 'postfix'],
      new Map([
        [
          'failover',
          new Map([
            ['waypost', [{ lost: waypost }]],
            ['a loop', [{ lost: loop }]],
          ]),
        ],
      ]),
    )
  assert.deepEqual(of(0, 7)[0]!.others, { 'a loop': { median: 7, times: null } })
  assert.deepEqual(of(2, 0)[0]!.others, { 'a loop': { median: 0, times: 0 } })
  const [, , line] = markdown(of(0, 7), ['a loop', 'postfix'], new Map([['postfix', 'not installed']])).split('\n')
  assert.equal(line, '| failover | lost | 0 | mails | 7.00 |  |  |  |  |')
})

test('it runs where nothing else is installed, and writes only JSON', async () => {
  const asked = [
    'test/bench/run.ts',
    '--only',
    'smtp',
    'vendor',
    'failover',
    '--messages',
    '20',
    '--runs',
    '1',
    '--seed',
    '7',
    '--json',
  ]
  const env = { ...process.env, PATH: '', HARAKA: '/nowhere' }
  const child = spawn(process.execPath, asked, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  assert.deepEqual([code, err], [0, ''])
  const { runs, messages, seed, missing, rows } = JSON.parse(out)
  assert.deepEqual([runs, messages, seed], [1, 20, 7])
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
  const untold = figures.find((row) => row.road === 'failover' && row.measure === 'of these, nobody was told')!
  assert.equal(untold.waypost, 0)
})

test('a road that is none is said to be none', async () => {
  const child = spawn(process.execPath, ['test/bench/run.ts', '--only', 'nowhere'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const [err, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  assert.equal(code, 1)
  assert.match(err, /There is no such road/)
})
