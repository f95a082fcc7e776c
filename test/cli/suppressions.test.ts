import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { withWaypost } from '../support/waypost.ts'
import { gateway, waypost } from './running.ts'

const entry = {
  email: 'ann@example.org',
  type: null,
  reason: 'bounce',
  source: 'relay',
  at: '2026-11-25T10:00:00.000Z',
}
const rows = (out: string) => out.split('\n').map((line) => line.split('\t'))

function file(test: TestContext, content: string | Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), 'waypost-list-'))
  test.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'list.csv'), content)
  return join(folder, 'list.csv')
}

describe('waypost suppressions', () => {
  it('adds, lists, imports, exports and removes, at a real gateway', () =>
    withWaypost('providers: { inbox: { adapter: inbox } }\nroutes: [{ name: all, use: inbox }]\n', async ({ url }) => {
      const ran = (args: string[], input = '') => waypost(['suppressions', ...args, '--url', url], { input })
      const added = await ran(['add', 'Ann@example.org', '+plus@example.org', '--reason', 'complaint'])
      assert.deepEqual(added, {
        code: 0,
        out: 'Ann@example.org gets no mail now.\n+plus@example.org gets no mail now.',
        err: '',
      })

      const input = 'email,reason\r\nANN@example.org,\r\n"o\'neil@example.org",Bounce\r\n'
      assert.deepEqual(await ran(['import', '-'], input), { code: 0, out: '1 added, 1 suppressed before.', err: '' })
      const listed = rows((await ran([])).out)
      assert.deepEqual(
        listed.map((cells) => cells.slice(0, 3).join(' ')),
        [
          'EMAIL REASON SOURCE',
          '+plus@example.org complaint api',
          'ann@example.org manual api',
          "o'neil@example.org bounce api",
        ],
      )

      const { out: csv } = await ran(['export'])
      assert.match(csv, /^email,reason,source,at,type\n'\+plus@example\.org,complaint,api,2\S+Z,\nann@/)
      const removed = await ran(['remove', 'ANN@example.org', 'bob@example.org', '+plus@example.org'])
      assert.deepEqual(removed, {
        code: 1,
        out: 'ANN@example.org gets mail again.\n+plus@example.org gets mail again.',
        err: 'error: not suppressed: bob@example.org',
      })
      // What was exported comes in again as it was.
      assert.equal((await ran(['import', '-'], csv)).out, '2 added, 1 suppressed before.')
      assert.deepEqual(
        JSON.parse((await ran(['export', '--json'])).out).suppressions.map((one: typeof entry) => [
          one.email,
          one.reason,
        ]),
        [
          ['+plus@example.org', 'complaint'],
          ['ann@example.org', 'manual'],
          ["o'neil@example.org", 'bounce'],
        ],
      )
    }))

  it('lists a page, and says how to go on', async (test) => {
    const answer = { suppressions: [{ ...entry, source: 'a\u001b[2Jb' }], next: 'cur' }
    const { url, asked } = await gateway(test, () => ({ body: answer }))
    const args = ['suppressions', 'list', '--reason', 'bounce', '--limit', '1', '--cursor', 'c0', '--url', url]
    const { out, err } = await waypost(args)
    assert.equal(asked[0]?.path, '/v1/suppressions?reason=bounce&limit=1&cursor=c0')
    assert.deepEqual(rows(out)[1], ['ann@example.org', 'bounce', 'a\ufffd[2Jb', '2026-11-25T10:00:00.000Z', 'all'])
    assert.equal(err, 'There are more: --cursor cur')
    assert.deepEqual(JSON.parse((await waypost([...args, '--json'])).out), answer)
  })

  it('adds and removes with JSON for machines', async (test) => {
    const { url, asked } = await gateway(test, ({ method, path }) =>
      method === 'PUT' ? { body: entry } : path.includes('bob') ? { status: 404, body: {} } : { status: 204, body: '' },
    )
    const added = await waypost(['suppressions', 'add', 'a/b@example.org', '--json', '--url', url])
    assert.deepEqual(JSON.parse(added.out), { suppressions: [entry] })
    const removed = await waypost(['suppressions', 'remove', 'ann@y.test', 'bob@y.test', '--json', '--url', url])
    assert.deepEqual(JSON.parse(removed.out), { removed: ['ann@y.test'], absent: ['bob@y.test'] })
    assert.equal(removed.code, 1)
    assert.deepEqual(
      asked.map(({ method, path, body }) => `${method} ${path} ${body}`),
      [
        'PUT /v1/suppressions/a%2Fb%40example.org {}',
        'DELETE /v1/suppressions/ann%40y.test ',
        'DELETE /v1/suppressions/bob%40y.test ',
      ],
    )
  })

  for (const args of [
    ['add'],
    ['add', 'ann@example.org', 'nobody'],
    ['add', 'ann@example.org', '--reason', 'spite'],
    ['remove', '..'],
    ['list', '--limit', '0'],
    ['import'],
  ]) {
    it(`is used wrongly: ${args.join(' ')}`, async () => {
      assert.equal((await waypost(['suppressions', ...args])).code, 2)
    })
  }
})

describe('waypost suppressions import', () => {
  it('takes one address a line, and tells each line that is wrong', async (test) => {
    const { url, asked } = await gateway(test, () => ({ status: 201, body: entry }))
    const path = file(
      test,
      '\ufeffann@example.org\r\n\r\n  bob@example.org \r\nnobody\r\nAnn <a@y.test>\r\ncy@example.org',
    )
    const { code, out, err } = await waypost(['suppressions', 'import', path, '--url', url])
    assert.equal(code, 1)
    assert.equal(out, '3 added.')
    assert.deepEqual(err.split('\n'), [
      `${path}:4: The address has no @.`,
      `${path}:5: The address has a space, a control or an invisible character in it.`,
      `error: ${path} has 2 wrong lines.`,
    ])
    assert.deepEqual(asked.map(({ path }) => decodeURIComponent(path.slice(17))).toSorted(), [
      'ann@example.org',
      'bob@example.org',
      'cy@example.org',
    ])
  })

  it('takes CSV by its headings, wherever they stand', async (test) => {
    const { url, asked } = await gateway(test, () => ({ status: 201, body: entry }))
    const csv =
      'Name,Reason,Email\n"Ann,\nB.",complaint,ann@y.test\nBob,,bob@y.test\nCy,550 no such user,cy@y.test\nDee\n'
    const ran = await waypost(['suppressions', 'import', '-', '--json', '--url', url], { input: csv })
    assert.deepEqual(JSON.parse(ran.out), {
      added: 2,
      known: 0,
      wrong: [
        { line: 5, detail: 'The reason is none of bounce, complaint, unsubscribe, manual.' },
        { line: 6, detail: 'The address is empty.' },
      ],
    })
    const said = () =>
      asked
        .splice(0)
        .map(({ path, body }) => `${decodeURIComponent(path.slice(17))} ${body}`)
        .toSorted()
    assert.deepEqual(said(), ['ann@y.test {"reason":"complaint"}', 'bob@y.test {}'])

    await waypost(['suppressions', 'import', '-', '--reason', 'bounce', '--url', url], { input: csv })
    assert.deepEqual(
      said(),
      ['ann', 'bob', 'cy'].map((name) => `${name}@y.test {"reason":"bounce"}`),
    )
  })

  it('shows a person how far it is, and wipes that', async (test) => {
    const { url } = await gateway(test, () => ({ status: 201, body: entry }))
    const progress: string[] = []
    const input = Array.from({ length: 40 }, (_, at) => `a${at}@y.test\n`).join('')
    const { out } = await waypost(['suppressions', 'import', '-', '--url', url], { input, progress })
    assert.equal(out, '40 added.')
    assert.equal(progress[0], `${'░'.repeat(30)} 1/40 2%`)
    assert.equal(progress.at(-1), '')
  })

  it('stops where the gateway does, and says how far it came', async (test) => {
    const { url, asked } = await gateway(test, () =>
      asked.length > 100 ? { status: 503, body: { title: 'We are stopping' } } : { status: 201, body: entry },
    )
    const input = Array.from({ length: 1000 }, (_, at) => `a${at}@y.test\n`).join('')
    const { code, err } = await waypost(['suppressions', 'import', '-', '--url', url], { input })
    assert.equal(code, 1)
    assert.equal(err, 'error: We are stopping (503)\n100 of 1000 were done; it can be imported again')
    assert.ok(asked.length <= 116)
  })

  it('fails for a file that is not there, or no text', async (test) => {
    const binary = file(test, Uint8Array.of(0x61, 0xe9, 0x40))
    assert.match((await waypost(['suppressions', 'import', '/nowhere/at/all'])).err, /cannot be read \(ENOENT\)/)
    assert.match((await waypost(['suppressions', 'import', binary])).err, /is not UTF-8 text/)
  })
})

describe('waypost suppressions export', () => {
  it('writes every page, and no formula', async (test) => {
    const second = { ...entry, email: '=cmd@example.org', source: '@SUM(A1),"x"' }
    const { url, asked } = await gateway(test, ({ path }) => ({
      body: path.includes('cursor=') ? { suppressions: [second], next: null } : { suppressions: [entry], next: 'cur' },
    }))
    const { code, out } = await waypost(['suppressions', 'export', '--reason', 'bounce', '--url', url])
    assert.equal(code, 0)
    assert.equal(
      out,
      `email,reason,source,at,type
ann@example.org,bounce,relay,2026-11-25T10:00:00.000Z,
'=cmd@example.org,bounce,"'@SUM(A1),""x""",2026-11-25T10:00:00.000Z,`,
    )
    assert.deepEqual(
      asked.map(({ path }) => path),
      ['/v1/suppressions?reason=bounce&limit=200', '/v1/suppressions?reason=bounce&limit=200&cursor=cur'],
    )
  })
})
