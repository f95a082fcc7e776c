import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TemplateError } from '../../src/dialects/expression.ts'
import { handlebars } from '../../src/dialects/handlebars.ts'
import { mergeTags } from '../../src/dialects/merge-tags.ts'

const values = {
  name: 'Ann & Co',
  vip: true,
  kind: 'tea',
  lines: [{ what: 'tea' }, { what: '<cake>' }],
  shop: { town: 'Graz' },
}
const write = (template: string, html = true) => handlebars(template, values, html)

test('handlebars: values, escaped but between three braces', () => {
  assert.equal(
    write('{{name}} {{{name}}} {{&name}} {{shop.town}} {{nobody}}.'),
    'Ann &amp; Co Ann & Co Ann & Co Graz .',
  )
  assert.equal(write('{{name}}', false), 'Ann & Co')
  assert.equal(write('\\{{name}} \\\\{{name}}'), '{{name}} \\Ann &amp; Co')
  assert.equal(write('{{upper "a b"}} {{title kind}} {{url "a b"}}'), 'A B Tea a%20b')
})

test('handlebars: blocks', () => {
  assert.equal(write('{{#if vip}}a{{else}}b{{/if}}{{#unless vip}}c{{else}}d{{/unless}}'), 'ad')
  assert.equal(write('{{#if none}}a{{else if vip}}b{{else}}c{{/if}}.'), 'b.')
  assert.equal(write('{{#if `kind == "tea" && vip`}}a{{/if}}{{#if `kind == "x"`}}b{{/if}}'), 'a')
  assert.equal(
    write('{{#each lines}}{{@index}} {{what}} {{this.what}} {{../kind}}{{#unless @last}}, {{/unless}}{{/each}}'),
    '0 tea tea tea, 1 &lt;cake&gt; &lt;cake&gt; tea',
  )
  assert.equal(write('{{#with shop}}{{town}}{{/with}}{{#each none}}x{{else}}y{{/each}}{{! nothing }}'), 'Grazy')
})

test('handlebars: what is not understood is refused, and nothing leads out of the values', () => {
  for (const template of ['{{> part}}', '{{#list x}}{{/list}}', '{{#if x}}', '{{shell "x"}}', '{{/if}}', '{{ }}']) {
    assert.throws(() => write(template), TemplateError, template)
  }
  assert.equal(write('{{constructor}}{{name.length}}{{lines.__proto__}}{{../../constructor}}'), '')
})

test('merge tags: names without case, changes, conditions', () => {
  const tags = new Map<string, unknown>([
    ['name', 'Ann & Co'],
    ['age', 7],
    ['none', ''],
  ])
  const merge = (template: string) => mergeTags(template, tags)
  assert.equal(
    merge('*|NAME|* *|name|* *|UPPER:NAME|* *|URL:name|* *|nobody|*'),
    'Ann & Co Ann & Co ANN & CO Ann%20%26%20Co *|nobody|*',
  )
  assert.equal(merge('*|IF:NAME|*a*|ELSE:|*b*|END:IF|**|IFNOT:NONE|*c*|END:IF|*'), 'ac')
  assert.equal(merge('*|IF:AGE > 10|*a*|ELSEIF:AGE=7|*b*|ELSE:|*c*|END:IF|*'), 'b')
  assert.equal(merge('*|IF:NONE|*a*|IF:NAME|*b*|ELSE:|*c*|END:IF|*d*|ELSE:|*e*|END:IF|*'), 'e')
  assert.throws(() => merge('*|IF:NAME|*a'), TemplateError)
  assert.throws(() => merge('*|UNSUB:https://example.com|*'), TemplateError)
})

test('what is meant to be slow is not', () => {
  for (const piece of ['{{', '{{{', '\\{{', '{{#if ', '*|', '*|IF:', '*|A']) {
    const template = piece.repeat(300_000 / piece.length)
    const start = performance.now()
    for (const merge of [() => write(template), () => mergeTags(template, new Map())]) {
      try {
        merge()
      } catch (error) {
        assert(error instanceof TemplateError, String(error))
      }
    }
    assert(performance.now() - start < 10_000, piece)
  }
  assert.throws(() => write('{{#if vip}}'.repeat(1000) + '{{/if}}'.repeat(1000)), TemplateError)
})
