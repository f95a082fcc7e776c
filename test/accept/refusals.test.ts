import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { it } from 'node:test'
import { refusals, replies } from '../../src/accept/refusals.ts'

it('the README lists every refusal and reply as it is', async () => {
  const readme = await readFile(new URL('../../src/accept/README.md', import.meta.url), 'utf8')
  const rows = [...readme.matchAll(/^\| `(\w+)` \| (\d+) \| ([\d .]+) \| (.+) \|$/gm)]
  assert.deepEqual(
    rows.map(([, code, http, smtp, title]) => [code, { http: Number(http), title, smtp }]),
    Object.entries(refusals),
  )
  const smtp = [...readme.matchAll(/^\| (\d{3} [\d.]+) \| (.+) \|$/gm)].map(([, status, means]) => [status, means])
  assert.deepEqual(smtp, Object.entries(replies))
})
