import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Hosts } from '../src/hosts.ts'

function hosts(answers: Record<string, string | null | undefined> = {}) {
  const asked: string[] = []
  const time = { now: 0 }
  const it = new Hosts(
    async (domain) => {
      asked.push(domain)
      if (domain === 'broken.example') throw new Error('no')
      return answers[domain]
    },
    () => time.now,
  )
  return { it, asked, time }
}

test('well-known domains are nobody’s question', async () => {
  const { it, asked } = hosts()
  assert.equal(it.known('hotmail.com'), 'outlook')
  assert.equal(await it.find('gmail.com'), 'gmail')
  assert.deepEqual(asked, [])
})

test('others are known once they were looked up: one question at a time, good for an hour', async () => {
  const { it, asked, time } = hosts({ 'firm.example': 'outlook', 'own.example': null })
  assert.equal(it.known('firm.example'), null)
  assert.deepEqual(asked, [], 'asking for what is known asks nobody')
  it.ask('firm.example')
  assert.equal(await it.find('firm.example'), 'outlook')
  assert.equal(it.known('firm.example'), 'outlook')
  assert.equal(await it.find('own.example'), null)
  await it.find('own.example')
  assert.deepEqual(asked, ['firm.example', 'own.example'])
  time.now += 3_600_000
  await it.find('own.example')
  assert.deepEqual(asked, ['firm.example', 'own.example', 'own.example'])
})

test('without an answer it asks again after a minute', async () => {
  const { it, asked, time } = hosts({})
  assert.equal(await it.find('broken.example'), null)
  await it.find('broken.example')
  time.now += 60_000
  await it.find('broken.example')
  assert.equal(asked.length, 2)
})
