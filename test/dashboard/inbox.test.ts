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

  test('has its inline images put in place, images only, and what would connect ahead taken out of effect', async () => {
    const { app, add } = gateway()
    const id = add({
      content: {
        html: '<!DOCTYPE html><LINK rel=preconnect href="//x"><iframe\nsrc="//x"></iframe><frameset><frame/src=//x><linked><img src="cid:a%40b"><p style="background:url(cid:a@b)">cid:a@b</p><img src="cid:page"><img src=cid:none>',
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
      `<!DOCTYPE html><base target="_blank"><x-LINK rel=preconnect href="//x"><x-iframe\nsrc="//x"></iframe><frameset><x-frame/src=//x><linked><img src="${image}"><p style="background:url(${image})">cid:a@b</p><img src="cid:page"><img src=cid:none>`,
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

describe('mail that came raw', () => {
  const mime = [
    'From: =?utf-8?q?J=C3=BCrgen?= <juergen@example.com>',
    'To: Bob <bob@example.net>',
    'Subject: =?utf-8?b?PGI+aGVsbG88L2I+?=',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=outer',
    '',
    '--outer',
    'Content-Type: multipart/related; boundary=inner',
    '',
    '--inner',
    'Content-Type: text/html; charset=iso-8859-1',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    '<p>Gr=FC=DFe</p><img src=3D"cid:logo">',
    '--inner',
    'Content-Type: image/gif',
    'Content-ID: <logo>',
    'Content-Disposition: inline',
    'Content-Transfer-Encoding: base64',
    '',
    gif,
    '--inner--',
    '--outer',
    'Content-Type: text/html; name="x.html"',
    'Content-Disposition: attachment; filename="x.html"',
    '',
    '<script>1</script>',
    '--outer--',
    '',
  ].join('\r\n')

  test('is taken apart to be read', async () => {
    const { app, add } = gateway()
    const id = add({ content: mime, headers: [['From', '=?utf-8?q?J=C3=BCrgen?= <juergen@example.com>']] })
    const text = await (await app.request(`/inbox/${id}`)).text()
    for (const shown of ['Jürgen', 'bob@example.net', 'x.html']) assert.ok(text.includes(shown), shown)
    const html = await (await app.request(`/inbox/${id}/html`)).text()
    assert.equal(html.trim(), `<base target="_blank"><p>Grüße</p><img src="data:image/gif;base64,${gif}">`)
    const parts = await Promise.all([0, 1].map((part) => app.request(`/inbox/${id}/part/${part}`)))
    const saved = parts.map(({ headers }) => headers.get('content-disposition'))
    assert.ok(saved.some((disposition) => disposition?.startsWith('attachment; filename="x.html"')))
    assert.ok(saved.every((disposition) => disposition?.startsWith('attachment; ')))
  })

  test('and cannot be taken apart still has its source', async () => {
    const { app, add } = gateway()
    const deep = Array.from(
      { length: 200 },
      (_, level) => `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n--b${level}\r\n`,
    ).join('')
    for (const content of [deep, '\u0000\u0001', 'no header at all', 'From: \r\n\r\n']) {
      const id = add({ content })
      assert.equal((await app.request(`/inbox/${id}`)).status, 200)
      assert.equal(await (await app.request(`/inbox/${id}/raw`)).text(), content)
    }
    assert.match(await (await app.request(`/inbox/${add({ content: deep })}`)).text(), /not well formed enough/)
  })
})

describe('the source', () => {
  test('of mail that came as JSON is what would be sent', async () => {
    const { app, add } = gateway()
    const text = await (await app.request(`/inbox/${add({ subject: 'Composed' })}/raw`)).text()
    assert.match(text, /^Subject: Composed\r$/m)
    assert.match(text, /\r\n\r\nIt works\./)
  })

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
