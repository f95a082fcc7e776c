/** What the documentation prints works as printed: links, configs, commands, and the first messages. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { adapters } from '../adapters/index.ts'
import { parseConfig } from '../src/config.ts'
import { waypost as command } from './cli/running.ts'
import { remove, type Waypost, waypost } from './support/waypost.ts'

const documents = globSync(['*.md', '{src,adapters,config,test}/**/*.md'])
const texts = new Map(documents.map((file) => [file, readFileSync(file, 'utf8')]))

/** The fenced blocks of a document. */
function blocks(text: string): { language: string; body: string }[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, body]) => ({
    language: language!,
    body: body!,
  }))
}

/** A heading's anchor, as it is made where repositories are shown. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

test('links lead somewhere', async () => {
  const dead: string[] = []
  for (const [file, text] of texts) {
    for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link!)) continue
      const [path, part] = link!.split('#') as [string, string?]
      const target = path === '' ? file : join(dirname(file), path)
      const headings =
        existsSync(target) && part !== undefined ? readFileSync(target, 'utf8').matchAll(/^#+ (.*)$/gm) : []
      const found =
        existsSync(target) && (part === undefined || [...headings].some(([, words]) => anchor(words!) === part))
      if (!found) dead.push(`${file}: ${link}`)
    }
  }
  assert.deepEqual(dead, [])
})

/** The README's own config, with a key where it says that one comes. */
const printed = (hash: string) => {
  const [config] = blocks(texts.get('README.md')!).filter(({ language }) => language === 'yaml')
  return config!.body.replace('sha256:<from waypost keys create>', hash)
}

test('configs are right as printed', async () => {
  const hash = `sha256:${'0'.repeat(64)}`
  let checked = 0
  for (const [file, text] of texts) {
    for (const { language, body } of blocks(text)) {
      if (language !== 'yaml') continue
      const env = Object.fromEntries([...body.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name, 'a-secret']))
      const config = body.replace('sha256:<from waypost keys create>', hash)
      const parsed = await parseConfig(config, { file, env, adapters, readFile: (path) => readFileSync(path, 'utf8') })
      assert.deepEqual('problems' in parsed ? parsed.problems : parsed.warnings, [], file)
      checked++
    }
  }
  assert.ok(checked > 0)
})

describe('commands', () => {
  /** Those that the help of a command lists. */
  const subcommands = async (words: string[]) => {
    const { out } = await command([...words, '--help'])
    const list = /^Commands:\n((?: {2}.*\n)+)/m.exec(out)?.[1] ?? ''
    return { help: out, names: [...list.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name!) }
  }

  for (const [file, text] of texts) {
    // In code alone: elsewhere the name is just the name.
    const code = [
      ...blocks(text).map(({ body }) => body),
      ...[...text.matchAll(/`([^`\n]+)`/g)].map(([, span]) => span!),
    ]
    const lines = code.flatMap((body) => body.split('\n')).map((line) => line.replace(/(?:^|\s)#.*/, ''))
    const calls = lines.flatMap((line) => [...line.matchAll(/\bwaypost ([a-z][^|>]*)/g)].map(([, call]) => call!))
    if (calls.length === 0) continue
    test(`of ${file} exist, with their flags`, async () => {
      for (const call of calls) {
        const path: string[] = []
        let { help, names } = await subcommands(path)
        for (const word of call.trim().split(/\s+/)) {
          if (names.length === 0 || !/^[a-z]+$/.test(word)) break
          assert.ok(names.includes(word), `${file}: waypost ${call}`)
          path.push(word)
          ;({ help, names } = await subcommands(path))
        }
        for (const [flag] of call.matchAll(/--[a-z-]+/g)) {
          // A group's flags are those of its list.
          const known =
            help.includes(`${flag} `) || (await command([...path, 'list', '--help'])).out.includes(`${flag} `)
          assert.ok(known, `${file}: ${flag} of waypost ${call}`)
        }
      }
    })
  }
})

describe('README.md', () => {
  let gateway: Waypost
  before(async () => {
    gateway = await waypost(readFileSync('config/waypost.yaml', 'utf8').replace(/^(?:http|smtp|store):.*$/gm, ''))
  })
  after(async () => {
    await gateway.stop()
    remove(gateway.folder)
  })

  test('sends its first messages', async (t) => {
    const run = promisify(execFile)
    const curl = await run('curl', ['--version']).then(
      ({ stdout }) => /^Protocols:.* smtp /m.test(stdout),
      () => false,
    )
    if (!curl) return t.skip('no curl with SMTP here')
    const examples = blocks(texts.get('README.md')!).filter(({ body }) => body.includes('curl '))
    assert.equal(examples.length, 2)
    for (const { body } of examples) {
      const here = body
        .replace('http://127.0.0.1:8025', gateway.url)
        .replace('127.0.0.1:2525', `127.0.0.1:${gateway.smtpPort}`)
      await run('sh', ['-c', here])
    }
    const { messages } = (await gateway.get('/v1/messages')).body
    const subjects = messages.map(({ subject }: { subject: string }) => subject)
    assert.deepEqual(subjects, ['Hello again', 'Hello'])
    for (const { id } of messages) await gateway.until(id, 'sent')
  })

  test('names metrics that there are', async () => {
    const { body } = await gateway.get('/metrics')
    const named = [...texts.get('README.md')!.matchAll(/`(waypost_\w+)`/g)].map(([, name]) => name!)
    assert.ok(named.length > 5)
    for (const name of named) assert.match(body, new RegExp(`^# TYPE ${name} `, 'm'))
  })

  test('walks through two vendors as printed', async () => {
    const all = blocks(texts.get('README.md')!).flatMap(({ body }) => body.split('\n'))
    const lines = all
      .filter((line) => line.startsWith('npx waypost '))
      .map((line) =>
        line
          .slice('npx waypost '.length)
          .replace(/\s+#.*/, '')
          .split(/\s+/),
      )
    const create = lines.find(([first]) => first === 'keys')!
    const { key, entry } = JSON.parse((await command([...create, '--json'])).out)
    const { POSTMARK_TOKEN, SENDGRID_KEY } = process.env
    Object.assign(process.env, { POSTMARK_TOKEN: 'a-token', SENDGRID_KEY: 'a-key' })
    const two = await waypost(printed(entry.hash))
    try {
      const file = join(two.folder, 'waypost.yaml')
      const ran: string[] = []
      for (const line of lines) {
        // What needs a process or a message of its own is tried elsewhere.
        if (['serve', 'keys', 'doctor'].includes(line[0]!) || line.includes('msg_…')) continue
        const where = line[0] === 'check' ? [] : ['--url', two.url, '--key', key]
        const { code, out, err } = await command([
          ...line.map((word) => (word === 'waypost.yaml' ? file : word)),
          ...where,
        ])
        assert.equal(code, 0, `waypost ${line.join(' ')}\n${out}\n${err}`)
        ran.push(line[0]!)
        if (line[0] === 'explain') assert.match(out, /Route codes,[\s\S]*\n1\tpostmark-main\t[\s\S]*\n2\tsendgrid-eu\t/)
      }
      const all = ['check', 'explain', 'messages', 'moves', 'providers', 'stats', 'suppressions']
      assert.deepEqual([...new Set(ran)].sort(), all)
    } finally {
      await two.stop()
      remove(two.folder)
      restore({ POSTMARK_TOKEN, SENDGRID_KEY })
    }
  })
})

function restore(variables: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
}
