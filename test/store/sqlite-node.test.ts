import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { openSqlite } from '../../src/store/sqlite-node.ts'
import { type Store, StoreFull, StoreUnavailable } from '../../src/store/store.ts'
import { temporary } from './contract.ts'
import { accepted, arrival, attempt, claimAll, contentOf, minute, settlement, start, statuses } from './mail.ts'

const child = fileURLToPath(new URL('./child.ts', import.meta.url))

/** Starts the child on a store; `limit` is the largest file it may write, in blocks of 512 or 1,024 bytes (the shell's). */
function startChild(
  test: TestContext,
  path: string,
  limit?: number,
): { process: ChildProcess; lines: AsyncIterable<string> } {
  const script = `${limit === undefined ? '' : `ulimit -f ${limit}; `}exec "$0" "$1" "$2"`
  const started = spawn('sh', ['-c', script, process.execPath, child, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  test.after(() => started.kill('SIGKILL'))
  return { process: started, lines: createInterface({ input: started.stdout! }) }
}

async function newPath(test: TestContext): Promise<string> {
  return join(await temporary(test), 'data', 'waypost.db')
}

async function drain(store: Store): Promise<void> {
  for (const claim of await claimAll(store)) {
    await store.record(attempt(claim))
    assert.equal(await store.settle(settlement(claim, 'sent')), true)
  }
}

describe('a process that dies', () => {
  it('leaves everything that was acknowledged', async (test) => {
    const path = await newPath(test)
    const { process: dying, lines } = startChild(test, path)
    const said: string[][] = []
    for await (const line of lines) {
      said.push(line.split(' '))
      if (said.length === 600) dying.kill('SIGKILL')
    }
    const store = await openSqlite({ path })
    test.after(() => store.close())
    const of = (word: string) => said.filter((words) => words[0] === word)
    assert.ok(of('accepted').length > 10 && of('recorded').length > 10 && of('settled').length > 10)
    for (const [, id] of of('accepted')) assert.equal((await contentOf(store, id!))[0]!.length, 5000)
    for (const [, id] of of('settled')) assert.deepEqual(await statuses(store, id!), ['sent'])
    const settled = new Set(of('settled').map(([, id]) => id))
    const claims = new Map<string, Awaited<ReturnType<typeof claimAll>>[number]>()
    for (let found = await claimAll(store); found.length > 0; found = await claimAll(store)) {
      for (const claim of found) claims.set(claim.message.id, claim)
    }
    for (const [, att, id] of of('recorded')) {
      assert.ok((await store.message(id!, 'acme'))!.attempts.some((one) => one.id === att))
      if (settled.has(id)) continue
      const claim = claims.get(id!)
      // The last settlement may have been committed without a chance to say so.
      if (claim === undefined) assert.deepEqual(await statuses(store, id!), ['sent'])
      else assert.deepEqual([claim.claims, claim.open.map((one) => one.id)], [2, [att]])
    }
  })

  it('is not confused with one that lives: a second is refused at once, and reads nothing', async (test) => {
    const path = await newPath(test)
    const { process: first, lines } = startChild(test, path)
    for await (const line of lines) if (line === 'open') break
    const refused = { name: 'StoreUnavailable', message: /waypost\.db.*another Waypost.*stop/s }
    await assert.rejects(openSqlite({ path }), refused)
    await assert.rejects(openSqlite({ path }), refused)
    first.kill('SIGKILL')
    await once(first, 'exit')
    await (await openSqlite({ path })).close()
  })

  it('nor does one process open it twice', async (test) => {
    const path = await newPath(test)
    const store = await openSqlite({ path })
    await assert.rejects(openSqlite({ path }), /another Waypost/)
    await accepted(store)
    await store.close()
  })
})

describe('a store that fails', () => {
  it('takes nothing more after an I/O error, and has all that it acknowledged', async (test) => {
    const path = await newPath(test)
    await (await openSqlite({ path })).close()
    const { lines } = startChild(test, path, 2000)
    const said: string[] = []
    for await (const line of lines) said.push(line)
    const failed = said.filter((line) => line.startsWith('failed'))
    assert.equal(failed.length, 5, failed.join('\n'))
    for (const line of failed) assert.match(line, /^failed StoreUnavailable .*takes no more writes: disk I\/O error/)
    const store = await openSqlite({ path })
    test.after(() => store.close())
    const taken = said.filter((line) => line.startsWith('accepted'))
    assert.ok(taken.length > 0)
    for (const line of taken) assert.ok(await store.message(line.split(' ')[1]!, 'acme'))
  })

  it('refuses what waits when its writer dies, and what comes after', async (test) => {
    const path = await newPath(test)
    const started = once(process, 'worker')
    const store = await openSqlite({ path })
    const [writer] = (await started) as [Worker]
    const waiting = [store.accept(arrival()), store.nextDue()]
    const died = writer.terminate()
    for (const one of waiting) await assert.rejects(one, StoreUnavailable)
    await died
    await assert.rejects(store.accept(arrival()), StoreUnavailable)
    await store.close()
  })
})

describe('a store that is full', () => {
  it('refuses new mail, loses none, sends what it has, and takes mail again when there is room', async (test) => {
    const path = await newPath(test)
    const store = await openSqlite({ path, maxPages: 200 })
    test.after(() => store.close())
    const content = new Uint8Array(20_000)
    const taken: string[] = []
    await assert.rejects(async () => {
      for (;;) taken.push(await accepted(store, { content }))
    }, StoreFull)
    assert.ok(taken.length > 50, `${taken.length}`)
    await assert.rejects(store.keep('spool', content), StoreFull)
    await drain(store)
    await drain(store)
    for (const id of taken) assert.deepEqual(await statuses(store, id), ['sent'])
    assert.equal(await store.sweep({ messages: start + 1, keys: 0, limit: 1000 }), taken.length)
    await accepted(store, { content })
  })

  it('refuses what does not fit, alone among those committed with it', async (test) => {
    const store = await openSqlite({ path: await newPath(test), maxPages: 200 })
    test.after(() => store.close())
    const small = arrival()
    const outcomes = await Promise.allSettled([
      store.accept(small),
      store.accept(arrival({ content: new Uint8Array(5_000_000) })),
      store.accept(arrival()),
    ])
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.name : outcome.value.kind)),
      ['accepted', 'StoreFull', 'accepted'],
    )
    assert.equal((await contentOf(store, small.message.id)).length, 1)
    assert.equal((await store.depth()).normal, 2)
  })
})

describe('calls made at once', () => {
  // More than one post, and more than the thread commits in one step.
  for (const count of [1, 9, 10, 25, 600, 1500]) {
    it(`are each answered their own: ${count}`, async (test) => {
      const store = await openSqlite({ path: await newPath(test) })
      test.after(() => store.close())
      const numbers = Array.from({ length: count }, (_, number) => number)
      const ids = await Promise.all(
        numbers.map((number) => accepted(store, { content: new TextEncoder().encode(`mail ${number}`) })),
      )
      const read = await Promise.all(ids.map(async (id) => Buffer.concat(await contentOf(store, id)).toString()))
      assert.deepEqual(
        read,
        numbers.map((number) => `mail ${number}`),
      )
    })
  }
})

describe('sweep', () => {
  it('makes the file smaller', async (test) => {
    const path = await newPath(test)
    const store = await openSqlite({ path })
    test.after(() => store.close())
    const content = new Uint8Array(50_000)
    await Promise.all(Array.from({ length: 100 }, () => accepted(store, { content })))
    await drain(store)
    await store.sweep({ messages: 0, keys: 0, limit: 10 })
    const before = (await stat(path)).size
    assert.ok(before > 5_000_000, `${before}`)
    while ((await store.sweep({ messages: start + minute, keys: 0, limit: 40 })) === 40);
    const after = (await stat(path)).size
    assert.ok(after < 1_000_000, `${after}`)
    await accepted(store)
  })
})

describe('a file that cannot be the store', () => {
  it('because of where it is, is told with the reason', async (test) => {
    const directory = await temporary(test)
    const file = join(directory, 'file')
    await writeFile(file, 'x')
    await assert.rejects(openSqlite({ path: join(file, 'waypost.db') }), {
      name: 'StoreUnavailable',
      message: /cannot open the store .*waypost\.db.*(ENOTDIR|EEXIST)/,
    })
    await assert.rejects(openSqlite({ path: directory }), /it is not a file/)
  })

  it('because nothing can be made there, is told at once', { skip: process.platform !== 'linux' }, async () => {
    await assert.rejects(openSqlite({ path: '/proc/waypost/waypost.db' }), /cannot open the store/)
  })
})
