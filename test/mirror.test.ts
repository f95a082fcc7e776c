/** Which messages are copied, and that a copy that cannot be made costs nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type MirrorParts, mirrored } from '../src/mirror.ts'
import type { Arrival, Claim } from '../src/store/store.ts'
import { message, recipient } from './support/examples.ts'

const mirror = { to: 'sandbox', share: 0.001, tenant: '' }
const claim = (id: string, more: Partial<Claim> = {}) =>
  ({ message: message({ id }), content: new Uint8Array(), tries: 0, waits: 0, ...more }) as Claim
const bob = [recipient('bob@example.org')]

function copier(accept?: () => never) {
  const made: Arrival[] = []
  const failed: unknown[] = []
  const parts = {
    store: {
      accept: accept ?? (async (arrival: Arrival) => ({ kind: 'accepted', id: made.push(arrival) })),
      drop: async () => {},
    },
    clock: () => 2_000_000,
    wake() {},
    unmirrored: (error: unknown) => failed.push(error),
  } as unknown as MirrorParts
  return { parts, made, failed }
}

test('one in a thousand, always the same ones', async () => {
  const copied = async () => {
    const { parts, made } = copier()
    for (let number = 0; number < 20_000; number++) await mirrored(parts, mirror, claim(`msg_${number}`), bob)
    return made.map((arrival) => arrival.message.metadata.mirrorOf)
  }
  const first = await copied()
  // Three standard deviations of a binomial draw of 20,000.
  assert.ok(Math.abs(first.length - 20) <= 13, `${first.length} copies`)
  assert.deepEqual(await copied(), first)
})

test('a copy is pinned, of its own, and made only when its message is tried first', async () => {
  const { parts, made } = copier()
  const all = { ...mirror, share: 1, tenant: 'ops' }
  await mirrored(parts, all, claim('msg_a', { tries: 1 }), bob)
  await mirrored(parts, all, claim('msg_a', { waits: 1 }), bob)
  assert.equal(made.length, 0)
  await mirrored(parts, all, claim('msg_a'), bob)
  const { message: copy, idempotency } = made[0]!
  assert.notEqual(copy.id, 'msg_a')
  assert.deepEqual([copy.provider, copy.tenant, copy.metadata.mirrorOf], ['sandbox', 'ops', 'msg_a'])
  assert.equal(idempotency!.key, 'mirror msg_a 0')
})

test('one that cannot be made is only told of', async () => {
  const { parts, failed } = copier(() => {
    throw new Error('no room')
  })
  await mirrored(parts, { ...mirror, share: 1 }, claim('msg_a'), bob)
  assert.match(String(failed[0]), /no room/)
})
