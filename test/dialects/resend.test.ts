/** Resend's own SDK, at our address. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Resend } from 'resend'
import { withWaypost } from '../support/waypost.ts'

const config = 'providers: { inbox: { adapter: inbox } }\nroutes: [{ name: all, use: inbox }]\n'

test('sends, at the root and under its name', () =>
  withWaypost(config, async (gateway) => {
    for (const baseUrl of [gateway.url, `${gateway.url}/resend`]) {
      const resend = new Resend('re_123', { baseUrl })
      const { data, error } = await resend.emails.send({
        from: 'Ann <ann@example.com>',
        to: 'bob@example.org',
        subject: 'Hi',
        text: 'Hello',
        tags: [{ name: 'campaign', value: 'spring' }],
      })
      assert.equal(error, null)
      const shown = await resend.emails.get(data!.id)
      assert.equal(shown.data?.subject, 'Hi')
      const bad = await resend.emails.send({ from: 'nobody', to: 'bob@example.org', subject: 'Hi', text: 'Hello' })
      assert.equal(bad.error?.name, 'invalid_from_address')
    }
  }))
