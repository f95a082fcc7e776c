import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { safeName } from '../../src/dashboard/attachments.ts'
import { wantsRemote } from '../../src/dashboard/sandbox.ts'
import { gateway, inboxProvider } from './gateway.ts'

const gif = 'R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7'

describe('the inbox', () => {
  test('lists what was kept here, and nothing that was sent elsewhere', async () => {
    const { app, add } = gateway()
    add({ subject: 'Kept', recipients: [{}, { email: 'away@example.net', provider: 'vendor' }] })
    add({ subject: 'Gone', recipients: [{ provider: 'vendor' }] })
    const text = await (await app.request('/')).text()
    assert.match(text, /Kept/)
    assert.doesNotMatch(text, /Gone|away@example\.net/)
  })

  test('has one list for each provider that keeps mail', async () => {
    const { app, add } = gateway({ providers: [inboxProvider, { ...inboxProvider, name: 'second' }] })
    add({ subject: 'One' })
    add({ subject: 'Two', recipients: [{ provider: 'second' }] })
    assert.match(await (await app.request('/inbox')).text(), /provider=second[\s\S]*One/)
    const second = await (await app.request('/inbox?provider=second')).text()
    assert.match(second, /Two/)
    assert.match(second, /type="hidden" name="provider" value="second"/)
  })
})

describe('one mail', () => {
  test('is shown with who it was for, its text, and its html only in a frame', async () => {
    const { app, add } = gateway()
    const id = add({
      ...{ hidden: [1], headers: [['X-Order', '17']] },
      recipients: [{}, { email: 'secret@example.net' }],
      content: {
        html: '<p>markup</p>',
        cc: [{ email: 'carol@example.net', name: 'Carol' }],
        replyTo: [{ email: 'help@example.com' }],
      },
    })
    const text = await (await app.request(`/inbox/${id}`)).text()
    assert.match(text, /<dt>Bcc<\/dt><dd><bdi>secret@example\.net/)
    for (const shown of ['carol@example.net', 'help@example.com', 'X-Order', 'It works.'])
      assert.ok(text.includes(shown), shown)
    assert.doesNotMatch(text, /markup/)
    const frame = text.match(/<iframe[^>]*>/)?.[0] ?? ''
    assert.match(frame, new RegExp(`src="/inbox/${id}/html"`))
    assert.match(frame, / sandbox="/)
    assert.doesNotMatch(frame, /allow-(scripts|same-origin|forms|top-navigation|modals)/)
  })

  test('has html under a policy of its own, where nothing runs and nothing loads', async () => {
    const { app, add } = gateway()
    const id = add({ content: { html: '<script>x</script>' } })
    const { headers } = await app.request(`/inbox/${id}/html`)
    const policy = headers.get('content-security-policy') ?? ''
    assert.match(
      policy,
      /^default-src 'none'; style-src 'unsafe-inline'; img-src data:; .*frame-ancestors 'self'; sandbox /,
    )
    assert.doesNotMatch(policy, /script|allow-(scripts|same-origin|forms|top-navigation|modals)/)
    assert.deepEqual(
      ['content-type', 'x-content-type-options', 'referrer-policy', 'x-dns-prefetch-control'].map((name) =>
        headers.get(name),
      ),
      ['text/html; charset=utf-8', 'nosniff', 'no-referrer', 'off'],
    )
    const remote = await app.request(`/inbox/${id}/html?remote=1`)
    assert.match(remote.headers.get('content-security-policy')!, /img-src data: https: http:; /)
  })

  test('has its inline images put in place, images only, and its <link>s taken out of effect', async () => {
    const { app, add } = gateway()
    const id = add({
      content: {
        html: '<!DOCTYPE html><LINK rel=preconnect href="//x"><img src="cid:a%40b"><p style="background:url(cid:a@b)">cid:a@b</p><img src="cid:page"><img src=cid:none>',
        attachments: [
          { filename: 'a.gif', contentType: 'image/gif', contentId: 'a@b', inline: true, content: gif },
          { filename: 'p.html', contentType: 'text/html"><script>', contentId: 'page', inline: true, content: gif },
        ],
      },
    })
    const text = await (await app.request(`/inbox/${id}/html`)).text()
    const image = `data:image/gif;base64,${gif}`
    assert.equal(
      text,
      `<!DOCTYPE html><base target="_blank"><x-link rel=preconnect href="//x"><img src="${image}"><p style="background:url(${image})">cid:a@b</p><img src="cid:page"><img src=cid:none>`,
    )
  })

  test('cannot grow without end by naming one image often', async () => {
    const { app, add } = gateway()
    const content = 'A'.repeat(1_000_000)
    const id = add({
      content: {
        html: '<img src="cid:a">'.repeat(1000),
        attachments: [{ filename: '', contentType: 'image/png', contentId: 'a', inline: true, content }],
      },
    })
    assert.ok((await (await app.request(`/inbox/${id}/html`)).text()).length < 45_000_000)
  })

  test('offers remote images where there are some, in linear time', () => {
    for (const html of [
      '<img src="https://x/y">',
      '<td background=//x/y>',
      'url( http://x )',
      "<img srcset='http://x 1x'>",
    ])
      assert.equal(wantsRemote(html), true, html)
    for (const html of [
      '<a href="https://x">',
      '<img src="cid:x">',
      `src=${' '.repeat(300_000)}`,
      'src='.repeat(100_000),
    ])
      assert.equal(wantsRemote(html), false)
  })

  test('that is gone, or too large, says so and keeps its story', async () => {
    const { app, add } = gateway()
    const swept = add({ content: null })
    assert.match(await (await app.request(`/inbox/${swept}`)).text(), /no longer kept[\s\S]*Headers/)
    const large = add({ content: new Uint8Array(40_000_001).fill(120) })
    assert.match(await (await app.request(`/inbox/${large}`)).text(), /too large to show/)
    for (const path of [
      `/inbox/${swept}/html`,
      `/inbox/${swept}/raw`,
      `/inbox/${swept}/part/0`,
      '/inbox/msg_0',
      '/inbox/msg_0/raw',
    ])
      assert.equal((await app.request(path)).status, 404, path)
  })
})

describe('an attachment', () => {
  test('is only ever saved', async () => {
    const { app, add } = gateway()
    const id = add({
      content: {
        attachments: [
          { filename: '../x\u202E\r\n"é.svg', contentType: 'image/svg+xml', inline: false, content: btoa('<svg/>') },
        ],
      },
    })
    const answer = await app.request(`/inbox/${id}/part/0`)
    assert.deepEqual(
      ['content-type', 'content-disposition', 'x-content-type-options', 'content-security-policy'].map((name) =>
        answer.headers.get(name),
      ),
      [
        'application/octet-stream',
        `attachment; filename="_x[U+202E][U+000D]___.svg"; filename*=UTF-8''_x%5BU%2B202E%5D%5BU%2B000D%5D__%C3%A9.svg`,
        'nosniff',
        "default-src 'none'; frame-ancestors 'none'; sandbox",
      ],
    )
    assert.equal(await answer.text(), '<svg/>')
    assert.equal((await app.request(`/inbox/${id}/part/1`)).status, 404)
  })

  test('has a name that is only a name', () => {
    const names = ['../../etc/passwd', '.bashrc', 'C:\\x.exe', '', '...', 'a\u0000b', 'ok.pdf', 'x'.repeat(500)]
    assert.deepEqual(
      names.map((name) => safeName(name, 2)),
      [
        '_.._etc_passwd',
        'bashrc',
        'C__x.exe',
        'attachment-3',
        'attachment-3',
        'a[U+0000]b',
        'ok.pdf',
        `${'x'.repeat(150)}…`,
      ],
    )
  })
})

describe('the source', () => {
  test('of raw mail is what was kept, byte for byte, as text that is never rendered', async () => {
    const { app, add } = gateway()
    const bytes = new Uint8Array(200_000).map((_, index) => (index % 7 === 0 ? 10 : index % 256))
    const id = add({ content: bytes })
    const answer = await app.request(`/inbox/${id}/raw`)
    assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), bytes)
    assert.deepEqual(
      ['content-type', 'x-content-type-options', 'content-security-policy'].map((name) => answer.headers.get(name)),
      ['text/plain; charset=utf-8', 'nosniff', "default-src 'none'; frame-ancestors 'none'; sandbox"],
    )
  })
})
