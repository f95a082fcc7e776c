/** What stands in the way of a start is told in one line, and the process ends: no stack, nothing sent, nothing left open. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { newFolder, remove, waypost } from '../support/waypost.ts'

const inbox = 'providers: { inbox: { adapter: inbox } }\nroutes: [{ name: default, use: inbox }]\n'
const taken = createServer()
let folder: string
let port: number

before(async () => {
  folder = newFolder()
  taken.listen(0, '127.0.0.1')
  await once(taken, 'listening')
  port = (taken.address() as AddressInfo).port
})
after(() => {
  taken.close()
  remove(folder)
})

const listen = (http: number, smtp: number) =>
  `http: { listen: "127.0.0.1:${http}" }\nsmtp: { listen: "127.0.0.1:${smtp}" }\n`

/** Runs `waypost serve` to its end. */
async function serve(yaml: string) {
  const file = join(folder, 'waypost.yaml')
  writeFileSync(file, yaml)
  const child = spawn(process.execPath, ['src/waypost.js', 'serve', '--config', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit')
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: (await ended)[0], out, err: err.replaceAll(folder, '<folder>') }
}

for (const [key, http, smtp] of [
  ['http', () => port, () => 0],
  ['smtp', () => 0, () => port],
] as const) {
  test(`a port that another process has: ${key}`, async () => {
    const { code, out, err } = await serve(`${listen(http(), smtp())}store: "sqlite:${folder}/a.db"\n${inbox}`)
    assert.deepEqual({ code, out }, { code: 1, out: '' })
    const why = 'another process, perhaps another Waypost, listens there; stop that one, or choose another address'
    assert.equal(err, `error: cannot listen on 127.0.0.1:${port}: ${why} (${key}.listen in the config)\n`)
  })
}

test('a store that cannot be opened', async () => {
  const { code, err } = await serve(`${listen(0, 0)}store: "sqlite:${folder}/waypost.yaml"\n${inbox}`)
  assert.equal(code, 1)
  assert.match(err, /^error: cannot open the store <folder>\/waypost\.yaml: [^\n]*\n$/)
})

test('a config with mistakes', async () => {
  const { code, err } = await serve(`${listen(0, 0)}nonsense: 1\n${inbox}`)
  assert.equal(code, 1)
  assert.match(err, /^error: <folder>\/waypost\.yaml:3:1 {2}nonsense: unknown key [^\n]*\n$/)
})

test('what had been opened is closed again', async () => {
  const again = newFolder()
  await assert.rejects(waypost(`${listen(0, port)}${inbox}`, again), { name: 'Unready' })
  const gateway = await waypost(inbox, again)
  await gateway.stop()
  remove(again)
})
