/** Wherever the machine believes to be: times are points in time, and hours and days are those of UTC. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { withWaypost } from '../support/waypost.ts'

const mail = { from: 'ann@example.com', to: 'bob@example.org', text: 'Hi.' }
const here = process.env.TZ
after(() => {
  if (here === undefined) delete process.env.TZ
  else process.env.TZ = here
})

// A day ahead, half hours and summer time, a day behind.
for (const zone of ['Pacific/Apia', 'America/St_Johns', 'Pacific/Pago_Pago']) {
  test(`in ${zone}`, async () => {
    process.env.TZ = zone
    assert.notEqual(new Date().getTimezoneOffset(), 0)
    // This hour of UTC, and the next in case it strikes meanwhile.
    const hour = new Date().getUTCHours()
    const config = `
providers: { inbox: { adapter: inbox } }
routes:
  - { name: now, when: { hour: [${hour}, ${(hour + 1) % 24}] }, use: inbox }
  - { name: other, use: inbox }
`
    await withWaypost(config, async (gateway) => {
      const at = Math.ceil(Date.now() / 1000) * 1000 + 3_600_000
      const there = `${new Date(at + 13 * 3_600_000).toISOString().slice(0, 19)}+13:00`
      for (const sendAt of [new Date(at).toISOString(), there]) {
        const { body } = await gateway.get(`/v1/messages/${await gateway.send({ ...mail, sendAt })}`)
        assert.equal(body.sendAt, new Date(at).toISOString())
        assert.equal(body.recipients[0].status, 'scheduled')
      }
      // A time without a zone would be another one on each machine.
      assert.equal((await gateway.post('/v1/messages', { ...mail, sendAt: there.slice(0, 19) })).status, 422)
      assert.equal((await gateway.post('/v1/explain', mail)).body.route, 'now')
      const sent = await gateway.until(await gateway.send(mail), 'sent')
      assert.ok(Math.abs(Date.parse(sent.acceptedAt) - Date.now()) < 600_000)
    })
  })
}
