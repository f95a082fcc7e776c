import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gateway, waypost } from './running.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

describe('waypost', () => {
  it('says its version', async () => {
    assert.deepEqual(await waypost(['--version']), { code: 0, out: version, err: '' })
    assert.equal((await waypost(['-V'])).out, version)
  })

  it('lists its commands, each with help and an example', async () => {
    const { code, out } = await waypost(['--help'])
    assert.equal(code, 0)
    const commands = ['serve', 'check', 'send', 'explain', 'providers', 'messages', 'suppressions', 'keys', 'bench']
    for (const command of commands) assert.match(out, new RegExp(`^  ${command} `, 'm'))
    const groups: Record<string, string[]> = {
      providers: ['list', 'drain', 'resume'],
      messages: ['list', 'show', 'retry', 'cancel', 'release'],
      suppressions: ['list', 'add', 'remove', 'import', 'export'],
      keys: ['create', 'list', 'revoke'],
    }
    for (const command of commands) {
      for (const words of groups[command]?.map((step) => [command, step]) ?? [[command]]) {
        const help = await waypost([...words, '--help'])
        assert.equal(help.code, 0)
        assert.match(help.out, /Examples?:\n {2}\$ waypost /, words.join(' '))
      }
    }
  })

  it('is used wrongly without a command, or with one that it does not know', async () => {
    assert.equal((await waypost([])).code, 2)
    const { code, err } = await waypost(['chekc'])
    assert.equal(code, 2)
    assert.match(err, /unknown command 'chekc'[\s\S]*Did you mean check\?/)
  })

  it('answers the shell, and takes its settings from the environment', async (test) => {
    const { url, asked } = await gateway(test, () => ({ body: { messages: [], next: null } }))
    const ran = async (args: string[]) => {
      const command = fileURLToPath(new URL('../../src/waypost.js', import.meta.url))
      const env = { ...process.env, WAYPOST_URL: url, WAYPOST_KEY: 'wp_live_x', WAYPOST_CONFIG: '/nowhere/at/all.yaml' }
      const child = spawn(process.execPath, [command, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
      const exit = new Promise<number | null>((resolve) => child.on('close', resolve))
      const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
      return { code: await exit, out, err }
    }
    const [listed, checked, wrong] = await Promise.all([ran(['messages']), ran(['check']), ran(['send'])])
    assert.deepEqual(listed, { code: 0, out: 'ID\tACCEPTED\tSTATUS\tTYPE\tRECIPIENTS\tSUBJECT\n', err: '' })
    assert.equal(asked[0]?.headers.authorization, 'Bearer wp_live_x')
    assert.equal(checked.code, 1)
    assert.match(checked.err, /\/nowhere\/at\/all.yaml: there is no such file/)
    assert.equal(wrong.code, 2)
  })
})
