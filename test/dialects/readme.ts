/**
 * The table in `src/dialects/README.md` of what to change in an application, made from `src/dialects/moving.ts`.
 * `node test/dialects/readme.ts` writes it there; a test fails while it is not what it should be.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { dialects } from '../../src/dialects/index.ts'
import { moved } from '../../src/dialects/moving.ts'

const readme = new URL('../../src/dialects/README.md', import.meta.url)

/** The README as it is, and as it should be. */
export async function movingInReadme(): Promise<{ is: string; should: string }> {
  const is = await readFile(readme, 'utf8')
  const values = { url: 'https://waypost.example', key: 'KEY', id: 'ID', secret: 'SECRET' }
  const rows = dialects.flatMap(({ name }) =>
    moved(name, values).map((move) => `| ${name} | ${move.for} | \`${move.set}\` |\n`),
  )
  const table = `| dialect | for | set |\n| --- | --- | --- |\n${rows.join('')}`
  const should = is.replace(/(<!-- moving -->\n)[\s\S]*(<!-- \/moving -->)/, (_, begin, end) => begin + table + end)
  return { is, should }
}

if (import.meta.main) await writeFile(readme, (await movingInReadme()).should)
