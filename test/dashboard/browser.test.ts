import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import { serve } from '@hono/node-server'
import type { Hono } from 'hono'
import type { Page } from 'playwright-core'
import { openBrowser } from '../support/browser.ts'
import { gateway, inboxProvider, move, now, plan } from './gateway.ts'

const opened = await openBrowser()
const skip = 'missing' in opened ? opened.missing : false
const browser = 'missing' in opened ? null! : opened.browser

const closing: (() => unknown)[] = []
after(async () => {
  for (const close of closing) await close()
  if (!('missing' in opened)) await opened.close()
})

/** Serves an app on a free port of this machine; answers its origin. */
async function served(app: Pick<Hono, 'fetch'>): Promise<string> {
  const server = await new Promise<ReturnType<typeof serve>>((ready) => {
    const starting = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => ready(starting))
  })
  closing.push(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Another origin, that notes every connection and request: what mail would call home to. */
async function elsewhere() {
  const requests: { path: string; referer: string | undefined }[] = []
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    requests.push({ path: request.url ?? '', referer: request.headers.referer })
    response.setHeader('content-type', 'text/html').end('<title>landed</title>')
  })
  server.on('connection', (socket) => {
    connections += 1
    sockets.add(socket)
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  closing.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { origin, requests, connections: () => connections }
}

/** A page that tells what ran in it: `ran` is there for every script in every frame to call. */
async function watched(colorScheme: 'light' | 'dark' = 'light', width = 1280) {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme })
  closing.unshift(() => context.close())
  const ran: string[] = []
  const errors: string[] = []
  await context.exposeBinding('ran', (_source, what: string) => {
    ran.push(what)
  })
  const page = await context.newPage()
  page.on('dialog', (dialog) => {
    ran.push(`dialog ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  page.on('pageerror', (error) => errors.push(error.message))
  return { context, page, ran, errors }
}

/** All we know that html can do to run script, to leave, or to call home. */
function hostile(home: string): string {
  return `<!doctype html><html><head><base href="${home}/base/"><meta http-equiv="refresh" content="0;url=${home}/refresh">
<meta http-equiv="refresh" content="0;url=javascript:ran('refresh')">
<link rel="stylesheet" href="${home}/css"><link rel="preload" as="image" href="${home}/preload"><link rel="prefetch" href="${home}/prefetch">
<style>@import url(${home}/import); @font-face{font-family:x;src:url(${home}/font)} body{font-family:x;background:url(${home}/background)} .over{position:fixed;inset:0;z-index:9}</style>
<script>ran('script')</script><script src="${home}/script"></script></head>
<body onload="ran('onload')" background="${home}/body">
<a id="js" href="javascript:ran('link')" target="_self">one</a> <a id="js-blank" href="javascript:ran('blank')">two</a>
<a id="data" href="data:text/html,<script>opener.ran('data')</script>">three</a>
<form id="form" action="${home}/form" method="post"><button id="send" formaction="javascript:ran('formaction')">send</button></form>
<form action="${home}/form2"><input type="image" src="${home}/input" id="image" alt="image"></form>
<img src="x" onerror="ran('onerror')"><img src="${home}/pixel"><img srcset="${home}/srcset 1x"><picture><source srcset="${home}/source"><img></picture>
<svg onload="ran('svg')"><script>ran('svg script')</script><image href="${home}/svg"/><use href="data:image/svg+xml,<svg id='x' xmlns='http://www.w3.org/2000/svg' onload='ran(1)'/>#x"/><a><animate attributeName="href" values="javascript:ran('animate')"/></a></svg>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=ran('mutation')&gt;">
<iframe srcdoc="<script>parent.ran('srcdoc');top.ran('srcdoc')</script>"></iframe><iframe src="javascript:parent.ran('iframe')"></iframe><iframe src="${home}/iframe"></iframe>
<object data="data:text/html,<script>parent.ran('object')</script>"></object><embed src="${home}/embed"><video src="${home}/video" poster="${home}/poster" autoplay></video><audio src="${home}/audio" autoplay></audio>
<details open ontoggle="ran('toggle')"><summary>x</summary></details><input autofocus onfocus="ran('focus')"><marquee onstart="ran('marquee')">x</marquee>
<template><script>ran('template')</script></template><noscript><img src="${home}/noscript"></noscript>
</textarea></title></style></script><script>ran('breakout')</script><div class="over" onclick="ran('click')" onpointerover="ran('over')"></div></body></html>`
}

describe('mail seen in a browser', { skip }, () => {
  test('the hostile html does run script and call home where nothing holds it (the control)', async () => {
    const home = await elsewhere()
    const origin = await served({
      fetch: () =>
        new Response(hostile(home.origin).replaceAll('http-equiv="refresh"', ''), {
          headers: { 'content-type': 'text/html' },
        }),
    })
    const { page, ran } = await watched()
    await page.goto(origin)
    for (const expected of ['script', 'onerror', 'onload', 'breakout'])
      assert.ok(ran.includes(expected), `${expected} of ${ran}`)
    assert.ok(home.requests.some(({ path }) => path === '/pixel'))
  })

  test('html from mail runs nothing, goes nowhere and calls nobody, in its frame and by itself', async () => {
    const home = await elsewhere()
    const { app, add } = gateway()
    const id = add({ content: { html: hostile(home.origin) } })
    const origin = await served(app)
    const { context, page, ran } = await watched()
    const requested = new Set<string>()
    context.on('request', (request) => {
      if (/^https?:/.test(request.url())) requested.add(new URL(request.url()).origin)
    })

    await page.goto(`${origin}/inbox/${id}`)
    const frame = page.frames().find((one) => one.url().endsWith('/html'))!
    for (const target of ['#js', '#js-blank', '#data', '#send', '#image']) await frame.dispatchEvent(target, 'click')
    await frame.locator('.over').click()
    assert.equal(page.url(), `${origin}/inbox/${id}`)
    assert.equal(frame.url(), `${origin}/inbox/${id}/html`)

    await page.goto(`${origin}/inbox/${id}/html`)
    for (const target of ['#js', '#send', '#image']) await page.dispatchEvent(target, 'click')
    assert.equal(page.url(), `${origin}/inbox/${id}/html`)

    await page.goto(`${origin}/providers`) // a round through the same browser, behind all that was started before
    assert.deepEqual(ran, [])
    assert.equal(home.connections(), 0, JSON.stringify(home.requests))
    for (const asked of requested) assert.ok([origin, home.origin].includes(asked)) // asked for, then blocked: see connections
  })

  test('remote images load when the one who looks asks for them, and only images', async () => {
    const home = await elsewhere()
    const { app, add } = gateway()
    const id = add({ content: { html: hostile(home.origin) } })
    const origin = await served(app)
    const { page, ran } = await watched()
    await page.goto(`${origin}/inbox/${id}`)
    assert.equal(home.connections(), 0)
    await page.getByRole('link', { name: 'Load remote images' }).click()
    await page.getByRole('link', { name: 'Keep them out' }).waitFor()
    const paths = new Set(home.requests.map(({ path }) => path))
    assert.ok(paths.has('/pixel'))
    for (const path of [
      '/css',
      '/import',
      '/font',
      '/script',
      '/iframe',
      '/embed',
      '/video',
      '/audio',
      '/form',
      '/refresh',
    ])
      assert.ok(!paths.has(path), path)
    assert.deepEqual([...new Set(home.requests.map(({ referer }) => referer))], [undefined])
    assert.deepEqual(ran, [])
  })

  test('a link in mail opens a tab of its own, without a way back and without saying where from', async () => {
    const home = await elsewhere()
    const { app, add } = gateway()
    const id = add({
      content: { html: `<p><a href="${home.origin}/confirm">Confirm</a></p>`, text: `Or go to ${home.origin}/text.` },
    })
    const { page, context } = await watched()
    await page.goto(`${await served(app)}/inbox/${id}`)
    const [tab] = await Promise.all([
      context.waitForEvent('page'),
      page.frameLocator('iframe').getByRole('link', { name: 'Confirm' }).click(),
    ])
    await tab.waitForLoadState()
    assert.equal(await tab.title(), 'landed')
    assert.equal(await tab.evaluate('window.opener'), null)
    await page.getByText('Plain text').click()
    await Promise.all([context.waitForEvent('page'), page.getByRole('link', { name: '/text' }).click()]).then(
      ([other]) => other.waitForLoadState(),
    )
    assert.deepEqual(
      home.requests.filter(({ path }) => path !== '/favicon.ico'),
      [
        { path: '/confirm', referer: undefined },
        { path: '/text', referer: undefined },
      ],
    )
  })

  test('inline images are shown, html attachments are saved', async () => {
    const dot = 'R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7'
    const { app, add } = gateway()
    const id = add({
      content: {
        html: '<img id="logo" src="cid:logo@example">',
        attachments: [
          { filename: 'dot.gif', contentType: 'image/gif', contentId: 'logo@example', inline: true, content: dot },
          {
            filename: 'x.html',
            contentType: 'text/html',
            inline: false,
            content: btoa('<script>ran("attachment")</script>'),
          },
        ],
      },
    })
    const { page, ran } = await watched()
    await page.goto(`${await served(app)}/inbox/${id}`)
    const frame = page.frames()[1]!
    assert.equal(await frame.locator('#logo').evaluate((image: HTMLImageElement) => image.naturalWidth), 1)
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'x.html' }).click(),
    ])
    assert.equal(download.suggestedFilename(), 'x.html')
    assert.deepEqual(ran, [])
  })

  test('subjects, names, tags and what vendors said are text, whatever they are', async () => {
    const bad = [
      '<img src=x onerror=ran(1)>',
      '</title><script>ran(2)</script>',
      "{{constructor.constructor('ran(3)')()}}",
      '"><svg onload=ran(4)>',
      "' onmouseover='ran(5)",
      'javascript:ran(6)',
      '</textarea></style></script><script>ran(7)</script>',
      '\u202Etxt.exe <b>bold</b>',
    ]
    const words = bad.join(' ')
    const { app, add } = gateway({
      providers: [
        inboxProvider,
        { ...inboxProvider, name: 'vendor', adapter: 'smtp', state: 'open', reason: words, labels: bad },
      ],
      moves: [{ ...move, rule: words, to: bad, state: 'reverted', reason: words }],
    })
    const ids = [words, bad[0]!, bad.at(-1)!].map((word) =>
      add({
        ...{
          subject: word,
          from: { email: 'mallory@example.com', name: word },
          tags: bad,
          metadata: { [word]: word },
          type: word,
        },
        ...{ messageId: word, headers: bad.map((value) => ['X-Bad', value] as const), returnPath: word },
        recipients: [{ email: word, providerMessageId: word }],
        content: {
          ...{
            text: `Visit: http://google.com?"onmouseover="ran('text')" ${words} https://example.com/'onclick='ran(8)`,
          },
          ...{
            to: [{ email: word, name: word }],
            attachments: [{ filename: word, contentType: word, inline: false, content: '' }],
          },
        },
        attempts: [
          {
            ...{ outcome: 'rejected', cause: 'recipient', code: word, reason: `550 ${word}` },
            plan: {
              route: word,
              policy: word,
              candidates: [{ provider: word, score: 1, reasons: bad }],
              rejected: [{ provider: word, reason: word }],
            },
          },
        ],
        events: [{ type: 'bounced', recipient: word, provider: word, detail: word }],
      }),
    )
    const origin = await served(app)
    const { page, ran, errors } = await watched()
    const paths = ['/', '/messages', '/providers', ...ids.flatMap((id) => [`/inbox/${id}`, `/messages/${id}`])]
    for (const path of [
      ...paths,
      `/messages?recipient=${encodeURIComponent(words)}`,
      `/login?next=${encodeURIComponent(words)}`,
    ]) {
      await page.goto(origin + path)
      for (const summary of await page.locator('summary').all()) await summary.click()
      for (const href of await page.locator('a').evaluateAll((links) => links.map((link) => link.getAttribute('href'))))
        assert.match(href ?? '', /^(#main$|\/(?!\/)|https?:\/\/)/)
      const handlers = await page.evaluate(() =>
        [...document.querySelectorAll('*')].flatMap(({ attributes }) =>
          [...attributes].filter(({ name }) => name.startsWith('on')),
        ),
      )
      assert.equal(handlers.length, 0, path)
    }
    await page.goto(`${origin}/inbox/${ids[1]}`)
    assert.equal(await page.locator('h1').innerText(), bad[0])
    await page.goto(`${origin}/inbox/${ids.at(-1)}`)
    assert.equal(await page.locator('h1').innerText(), 'U+202Etxt.exe <b>bold</b>')
    assert.equal(await page.locator('script:not([src]), svg[onload], img[onerror]').count(), 0)
    assert.deepEqual(ran, [])
    assert.deepEqual(errors, [])
  })
})

describe('the pages in a browser', { skip }, () => {
  /** Nothing is wider than the page. */
  const fits = async (page: Page, what: string) => {
    const beyond = await page.evaluate(() => {
      const edge = document.querySelector('main')!.getBoundingClientRect().right
      const boxes = [
        ...document.querySelectorAll('main :is(.card, table, td, tbody th, dd, li, pre, p, form, button, summary)'),
      ].filter((box) => box.getBoundingClientRect().right > edge + 1)
      return [
        ...boxes.map(({ outerHTML }) => outerHTML.slice(0, 80)),
        ...(document.documentElement.scrollWidth > innerWidth ? ['all'] : []),
      ]
    })
    assert.deepEqual(beyond, [], what)
  }

  test('from the list to a mail, its source, its story, and back', async () => {
    const { app, add, asked } = gateway()
    add({ subject: 'Older' })
    const id = add({
      subject: 'Newest',
      acceptedAt: Date.parse('2026-11-25T21:29:50Z'),
      recipients: [{ status: 'bounced' }],
    })
    const { page, errors } = await watched()
    await page.goto(await served(app))
    await page.getByRole('link', { name: 'Newest' }).click()
    assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'Newest')
    assert.match(await page.locator('pre.letter').innerText(), /It works\./)
    await page.getByRole('link', { name: 'Source' }).click()
    assert.match(await page.locator('pre').innerText(), /^Subject: Newest$/m)
    await page.goBack()
    await page.getByRole('link', { name: 'What became of it' }).click()
    await page.getByRole('button', { name: 'Try again now' }).click()
    assert.equal(await page.getByRole('status').innerText(), '1 recipient will be tried again now.')
    assert.deepEqual(asked.steered, [[id, 'retry']])
    assert.equal(asked.woken, 1)
    await page.getByRole('link', { name: 'Messages' }).click()
    await page.getByLabel('Status').selectOption('failed')
    await page.getByRole('button', { name: 'Find' }).click()
    assert.equal(await page.locator('tbody tr').count(), 1)
    await page.getByRole('link', { name: 'Providers' }).click()
    await page.getByRole('button', { name: 'Drain inbox' }).click()
    await page.getByRole('button', { name: 'Resume inbox' }).waitFor()
    assert.deepEqual(errors, [])
  })

  test('new mail appears by itself, and not when that is switched off', async () => {
    const { app, add } = gateway()
    const { page, errors, context } = await watched()
    await context.clock.install()
    await page.goto(await served(app))
    await page.getByText('No mail yet').waitFor()
    add({ subject: 'First' })
    await context.clock.runFor(3000)
    await page.getByRole('link', { name: 'First' }).waitFor()
    await page.getByLabel('Live').uncheck()
    add({ subject: 'Second' })
    let asked = 0
    page.on('request', () => {
      asked += 1
    })
    await context.clock.runFor(9000)
    assert.equal(asked, 0)
    assert.deepEqual(errors, [])
  })

  test('a key lets in, logging out lets nobody in', async () => {
    const { app, add } = gateway({ keys: { wp_live_read: { tenant: 'acme', scopes: ['read'] } } })
    const id = add({ tenant: 'acme', subject: 'For acme', content: { html: '<p>Inside</p>' } })
    const origin = await served(app)
    const { page, context } = await watched()
    await page.goto(`${origin}/inbox/${id}`)
    await page.getByLabel('Key').fill('wrong')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('alert').waitFor()
    await page.getByLabel('Key').fill('wp_live_read')
    await page.getByRole('button', { name: 'Log in' }).click()
    assert.equal(page.url(), `${origin}/inbox/${id}`)
    await page.frameLocator('iframe').getByText('Inside').waitFor() // the cookie reaches the frame, too
    const [session] = await context.cookies()
    assert.deepEqual([session?.httpOnly, session?.sameSite], [true, 'Strict'])
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.goto(`${origin}/messages`)
    assert.equal(page.url(), `${origin}/login?next=%2Fmessages`)
  })

  test('a key lets in over plain http under any name, where browsers do not say which site a form came from', async () => {
    const { app } = gateway({ keys: { wp_live_read: { tenant: 'acme', scopes: ['read'] } } })
    const origin = (await served(app)).replace('127.0.0.1', 'gateway.test')
    const { page } = await watched()
    await page.goto(origin)
    await page.getByLabel('Key').fill('wp_live_read')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('button', { name: 'Log out' }).click()
    assert.equal(page.url(), `${origin}/login`)
  })

  test('a page that points its own name at a gateway without keys sees nothing (DNS rebinding)', async () => {
    const { app, add } = gateway()
    add({ subject: 'Private' })
    const { page } = await watched()
    const answer = await page.goto((await served(app)).replace('127.0.0.1', 'rebound.test'))
    assert.equal(answer?.status(), 421)
    assert.doesNotMatch(await page.content(), /Private/)
  })

  test('a form on another site does nothing here', async () => {
    const { app, add, asked } = gateway()
    const id = add({ recipients: [{ status: 'held' }] })
    const origin = await served(app)
    const foreign = await served({
      fetch: () =>
        new Response(
          `<form method="post" action="${origin}/messages/${id}/cancel"><button>go</button></form><iframe src="${origin}/"></iframe>`,
          {
            headers: { 'content-type': 'text/html' },
          },
        ),
    })
    const { page } = await watched()
    await page.goto(foreign.replace('127.0.0.1', 'localhost'))
    assert.equal(await page.frames()[1]!.getByText('Providers').count(), 0) // framed by nobody
    const [answer] = await Promise.all([page.waitForResponse(/cancel$/), page.getByRole('button').click()])
    assert.equal(answer.status(), 403)
    assert.deepEqual(asked.steered, [])
  })

  for (const [width, scheme] of [
    [1280, 'light'],
    [820, 'light'],
    [390, 'dark'],
  ] as const) {
    test(`every page fits and is without errors, ${width} wide and ${scheme}`, async () => {
      const long = 'x'.repeat(10_000)
      const wide = gateway({
        providers: [
          inboxProvider,
          {
            ...inboxProvider,
            name: 'limited',
            perDay: 10,
            sentToday: 99,
            perSecond: 3,
            state: 'open',
            openUntil: 0,
            reason: long,
            labels: [long],
          },
        ],
        moves: [
          { ...move, reason: long, to: ['b', 'c', 'x'.repeat(64)] },
          { ...move, rule: 'x'.repeat(64), state: 'moving', next: { share: 0.5, at: now + 3_600_000 } },
          { ...move, state: 'reverted' },
        ],
      })
      const ids = [
        wide.add({ content: { html: '<h1>Hello</h1>' } }),
        wide.add({
          ...{
            subject: long,
            from: { email: `${'a'.repeat(64)}@example.com`, name: long },
            tags: [long],
            messageId: long,
          },
          recipients: [{ email: `${'b'.repeat(64)}@${'c'.repeat(60)}.example.com`, providerMessageId: long }],
          content: { text: long, attachments: [{ filename: long, contentType: long, inline: false, content: '' }] },
          headers: [[long, long]],
          attempts: [{ reason: long, code: long, plan: { ...plan, rejected: [{ provider: long, reason: long }] } }],
          events: [{ detail: long, recipient: long }],
        }),
      ]
      const origin = await served(wide.app)
      const { page, errors } = await watched(scheme, width)
      for (const path of [
        '/',
        '/messages',
        '/providers',
        ...ids.flatMap((id) => [`/inbox/${id}`, `/messages/${id}`]),
      ]) {
        await page.goto(origin + path)
        for (const summary of await page.locator('summary').all()) await summary.click()
        await fits(page, path)
      }
      await page.goto(`${await served(gateway().app)}/`)
      await fits(page, 'the empty inbox')
      assert.deepEqual(errors, [])
    })
  }
})
