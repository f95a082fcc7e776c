/** What is asked of every vendor that calls back: who is let in, and what its calls say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Adapter } from '../../../src/mail/adapter.ts'
import type { Fetch } from '../../../src/mail/fetch.ts'
import { type HookCall, type ProviderEvent, UnreadableHook } from '../../../src/mail/webhook.ts'
import type { Fixture, HookData } from '../../adapters/fixture.ts'

const noFetch: Fetch = async () => {
  throw new TypeError('there is nothing to be fetched')
}

/** Adds the tests of one vendor's events. */
export function hookChecks(adapter: Adapter, fixture: Fixture): void {
  const hook = adapter.webhook!
  const data: HookData = fixture.hooks!
  const given = 'vendor' in fixture ? fixture.options('https://api.example.com') : fixture.smtp!.options
  const options = adapter.options.parse({ ...(given as object), ...data.options })
  const fetch = data.fetch ?? noFetch

  test('lets in what the vendor calls, and reads it', async () => {
    for (const { says, events, body } of data.cases) {
      const call = await data.call(body)
      assert.equal(await hook.verify(call, options, fetch), true, says)
      const read = hook.read(call, options)
      assert.deepEqual(read.map(withoutKey), events, says)
      assert.deepEqual(hook.read(call, options), read, `${says}: told again it is not the same`)
      assert.equal(new Set(read.map(({ key }) => key)).size, read.length, `${says}: two events with one key`)
      for (const { key } of read) assert.ok(key.length > 0 && key.length <= 500, `${says}: a key of ${key.length}`)
    }
  })

  test('can tell all that it says it tells, and nothing else', () => {
    const told = new Set(data.cases.flatMap(({ events }) => events.map(({ type }) => type)))
    assert.deepEqual([...told].sort(), [...hook.tells].sort())
  })

  test('lets nobody else in', async () => {
    const call = await data.call(data.cases[0]!.body)
    for (const { how, forged } of await data.forgeries(call)) {
      assert.equal(await hook.verify(forged, options, fetch), false, how)
    }
    const bare: HookCall = { ...call, query: new URLSearchParams(), headers: { 'content-type': 'application/json' } }
    if (!data.signedInBody) assert.equal(await hook.verify(bare, options, fetch), false, 'nothing that proves anything')
    const nothing: HookCall = { ...bare, body: new Uint8Array() }
    assert.equal(await hook.verify(nothing, options, fetch), false, 'nothing at all')
  })

  test('needs the secrets that it names', () => {
    assert.ok(hook.secrets.length > 0)
    for (const secret of hook.secrets) assert.ok((options as Record<string, unknown>)[secret], secret)
  })

  test('is not upset by anything', async () => {
    const call = await data.call(data.cases[0]!.body)
    const known = data.cases.map(({ body }) => body)
    const words = fc.oneof(
      fc.string(),
      fc.json(),
      fc.constantFrom(...known).chain((body) => torn(body).map((value) => JSON.stringify(value))),
    )
    await fc.assert(
      fc.asyncProperty(words, async (text) => {
        const hostile = { ...call, body: new TextEncoder().encode(text) }
        assert.equal(typeof (await hook.verify(hostile, options, fetch)), 'boolean')
        let events: ProviderEvent[] = []
        try {
          events = hook.read(hostile, options)
        } catch (error) {
          assert.ok(error instanceof UnreadableHook, String(error))
        }
        for (const event of events) {
          assert.ok(hook.tells.includes(event.type))
          assert.ok(event.at === null || Number.isSafeInteger(event.at))
        }
      }),
      { numRuns: 200 },
    )
  })
}

function withoutKey({ key: _, ...event }: ProviderEvent): Omit<ProviderEvent, 'key'> {
  return event
}

/** A call of the vendor's with one value replaced by something it never sends. */
function torn(body: unknown): fc.Arbitrary<unknown> {
  const odd = fc.constantFrom<unknown>(null, 1, -1, 1e300, '', 'x', [], {}, [null], true)
  return fc.tuple(fc.nat(), odd).map(([which, value]) => {
    const copy = structuredClone(body)
    const places: [Record<string, unknown>, string][] = []
    const walk = (node: unknown) => {
      if (typeof node !== 'object' || node === null) return
      for (const key of Object.keys(node)) {
        places.push([node as Record<string, unknown>, key])
        walk((node as Record<string, unknown>)[key])
      }
    }
    walk(copy)
    const place = places[which % Math.max(1, places.length)]
    if (place) place[0][place[1]] = value
    return copy
  })
}
