import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dialects } from '../../src/dialects/index.ts'
import { accepted, least, refused } from './reading.ts'

const files: Record<string, string> = {
  'a.html': '<p>{{name}}</p>',
  'a.txt': '{{name}}',
  'open.html': '{{#if name}}',
  'tags.html': '*|IF:NAME|*',
  'layout.html': '<body>{{{@content}}}</body>',
}
const sources = {
  dialects: async () => dialects,
  readFile: (path: string) => {
    if (files[path] === undefined) throw Object.assign(new Error('no'), { code: 'ENOENT' })
    return files[path]
  },
}
const problems = (templates: string) => refused(`${least}templates:\n${templates}`, sources)

describe('templates', () => {
  it('are read with the config, by dialect and id', async () => {
    const text = `${least}templates:
  sendgrid: { d-1: { html: a.html, text: a.txt, subject: "Hi {{name}}" } }
  postmark: { 7: { text: a.txt, from: Ann <a@example.com>, language: jinja } }`
    const { templates } = await accepted(text, sources)
    assert.deepEqual(templates.get('sendgrid')?.get('d-1'), {
      subject: 'Hi {{name}}',
      html: '<p>{{name}}</p>',
      text: '{{name}}',
    })
    assert.deepEqual(templates.get('postmark')?.get('7'), {
      language: 'jinja',
      from: 'Ann <a@example.com>',
      text: '{{name}}',
    })
    assert.equal((await accepted(least)).templates.size, 0)
  })

  it('are wrong when their files are, with the field and the file', async () => {
    const [missing, broken, ...others] = await problems(`  sendgrid:
    d-1: { html: b.html }
    d-2: { html: open.html, subject: "{{> x}}" }
    d-3: { text: a.txt, from: nobody }
  mandrill: { x: { html: tags.html } }
  brevo: { 1: { text: a.txt } }`)
    assert.equal(missing, '5:18 templates.sendgrid.d-1.html: the file b.html cannot be read (ENOENT)')
    assert.match(broken!, /^6:18 templates.sendgrid.d-2.html: open.html: the template cannot be read: .*\/if/)
    assert.match(others[0]!, /^6:38 templates.sendgrid.d-2.subject: the template cannot be read: /)
    assert.match(others[1]!, /^7:31 templates.sendgrid.d-3.from: is no mailbox/)
    assert.match(others[2]!, /^8:26 templates.mandrill.x.html: tags.html: /)
    assert.match(others[3]!, /^9:23 templates.brevo.1.text: a.txt: .*only params are/)
  })

  it('are of dialects that have some, and have a body', async () => {
    const [unknown, none] = await problems('  sendgird: { a: { text: a.txt } }\n  ahasend: { a: { text: a.txt } }')
    assert.match(unknown!, /^4:3 templates.sendgird: there is no dialect of this name with templates.*sendgrid/)
    assert.match(none!, /^5:3 templates.ahasend: /)
    assert.match((await problems('  sendgrid: { a: { subject: x } }'))[0]!, /a: names neither html nor text/)
    assert.match(
      (await problems('  sendgrid: { a: { text: a.txt, language: liquid } }'))[0]!,
      /language: expected one of/,
    )
    assert.match((await problems('  postmark: { a: { html: layout.html } }'))[0]!, /layout.html: .* It is a layout/)
    assert.match((await refused(`${least}templates: { sendgrid: { a: { text: a.txt } } }`))[0]!, /no dialect/)
  })
})
