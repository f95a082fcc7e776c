/** A newsletter as Ghost sends it through Mailgun, with another vendor behind: sent to fifty, followed by its events, cleaned up after. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Mailgun from 'mailgun.js'
import { Webhook } from 'standardwebhooks'
import { fakeResend, resendKey } from '../support/fake-vendors/resend.ts'
import { eventually, type Waypost, withWaypost } from '../support/waypost.ts'

const secret = `whsec_${Buffer.from('the secret of this webhook').toString('base64')}`
const domain = 'mg.example.com'
const members = Array.from({ length: 50 }, (_, n) => ({ email: `member-${n}@example.org`, name: `Member ${n}` }))

/** A vendor's call, as it tells what became of a mail. */
async function tell(gateway: Waypost, type: string, id: string, to: string, more: object = {}) {
  const data = { email_id: `v-${id}`, to: [to], tags: { waypost: id }, ...more }
  const body = JSON.stringify({ type, created_at: new Date().toISOString(), data })
  const now = new Date()
  const headers = {
    'svix-id': `${type}-${to}`,
    'svix-timestamp': String(Math.floor(now.getTime() / 1000)),
    'svix-signature': new Webhook(secret).sign(`${type}-${to}`, now, body),
  }
  const answer = await fetch(`${gateway.url}/hooks/main`, { method: 'POST', headers, body })
  assert.equal(answer.status, 200)
}

interface Item {
  id: string
  event: string
  severity?: string
  recipient: string
  timestamp: number
  message: { headers: { 'message-id': string } }
  'user-variables': Record<string, string>
  'delivery-status'?: { code: number; message: string; 'enhanced-code': string }
}

test('a newsletter runs through another vendor', async () => {
  const vendor = await fakeResend()
  const provider = `{ adapter: resend, apiKey: ${resendKey}, baseUrl: "${vendor.url}", webhookSecret: ${secret} }`
  try {
    await withWaypost(`providers: { main: ${provider} }\nroutes: [{ name: all, use: main }]`, async (gateway) => {
      // Only the origin of what is configured is used.
      const mailgun = new Mailgun(FormData).client({ username: 'api', key: 'key-1', url: new URL(gateway.url).origin })
      const begin = Date.now() / 1000 - 60
      const { id } = await mailgun.messages.create(domain, {
        to: members.map(({ email }) => email),
        from: '"The Letter" <letter@example.com>',
        'h:Reply-To': 'letter@example.com',
        subject: 'News',
        html: '<p>Hello %recipient.name%</p><a href="%recipient.unsubscribe_url%">',
        text: 'Hello %recipient.name%',
        'recipient-variables': JSON.stringify(
          Object.fromEntries(
            members.map(({ email, name }, n) => [
              email,
              { name, unsubscribe_url: `https://example.com/u/${n}`, list_unsubscribe: `https://example.com/l/${n}` },
            ]),
          ),
        ),
        'h:Sender': '"The Letter" <letter@example.com>',
        'h:Auto-Submitted': 'auto-generated',
        'h:List-Unsubscribe': '<%recipient.list_unsubscribe%>, <%tag_unsubscribe_email%>',
        'h:List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
        'v:email-id': 'email-1',
        'o:tag': ['bulk-email', 'ghost-email'],
        'o:tracking-opens': true,
      })
      await eventually(() => vendor.taken.length === members.length, 'all arrive')
      const sent = new Map(vendor.taken.map(({ fields }) => [String(fields.to), fields]))
      const seventh = sent.get('member-7@example.org')!
      assert.equal(seventh.html, '<p>Hello Member 7</p><a href="https://example.com/u/7">')
      const headers = seventh.headers as Record<string, string>
      assert.equal(headers['List-Unsubscribe'], '<https://example.com/l/7>')
      assert.equal(headers['Auto-Submitted'], 'auto-generated')

      for (const [email, fields] of sent) {
        const tags = fields.tags as { name: string; value: string }[]
        const ours = tags.find(({ name }) => name === 'waypost')!.value
        if (email === 'member-3@example.org') {
          const bounce = { bounce: { type: 'Permanent', message: '550 5.1.1 no such user' } }
          await tell(gateway, 'email.bounced', ours, email, bounce)
        } else await tell(gateway, 'email.delivered', ours, email)
        if (email === 'member-5@example.org') await tell(gateway, 'email.complained', ours, email)
      }

      const found: Item[] = []
      const query = {
        limit: 20,
        event: 'delivered OR opened OR failed OR unsubscribed OR complained',
        tags: 'bulk-email AND ghost-email',
        begin: String(begin),
        end: String(Date.now() / 1000 + 60),
        ascending: 'yes',
      } as const
      let page = await mailgun.events.get(domain, query)
      let pages = 0
      for (; page.items.length > 0; pages++) {
        found.push(...(page.items as unknown as Item[]))
        page = await mailgun.events.get(domain, { page: page.pages.next.page!, ...query })
      }
      assert.equal(pages, 3)
      assert.equal(found.length, 51, 'each member once, and a complaint')
      assert.equal(new Set(found.map((item) => item.id)).size, 51)
      for (const item of found) {
        assert.equal(item['user-variables']['email-id'], 'email-1')
        assert.equal(`<${item.message.headers['message-id']}>`, id)
        assert.ok(item.timestamp >= begin && item.timestamp < Date.now() / 1000 + 1)
      }
      const bounced = found.filter(({ event }) => event === 'failed')
      assert.deepEqual(
        bounced.map(({ recipient, severity }) => [recipient, severity]),
        [['member-3@example.org', 'permanent']],
      )
      const { code, 'enhanced-code': status } = bounced[0]!['delivery-status']!
      assert.deepEqual([code, status], [550, '5.1.1'])
      assert.equal(found.filter(({ event }) => event === 'complained').length, 1)

      // The same by following the links themselves, with nothing but the key.
      const authorization = `Basic ${btoa('api:key-1')}`
      let url = `${gateway.url}/v3/${domain}/events?${new URLSearchParams({ ...query, limit: '30' })}`
      let followed = 0
      for (;;) {
        const { items, paging } = await (await fetch(url, { headers: { authorization } })).json()
        if (items.length === 0) break
        followed += items.length
        url = paging.next
      }
      assert.equal(followed, 51)

      const lists = [
        ['bounces', 'member-3@example.org'],
        ['complaints', 'member-5@example.org'],
      ] as const
      for (const [list, email] of lists) {
        assert.equal((await gateway.get(`/v1/suppressions/${email}`)).status, 200)
        await mailgun.suppressions.destroy(domain, list, email)
        assert.equal((await gateway.get(`/v1/suppressions/${email}`)).status, 404)
      }
      await assert.rejects(mailgun.suppressions.destroy(domain, 'unsubscribes', 'member-5@example.org'))
    })
  } finally {
    await vendor.close()
  }
})
