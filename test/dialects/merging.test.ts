import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TemplateError } from '../../src/dialects/expression.ts'
import { checkHandlebars, handlebars } from '../../src/dialects/handlebars.ts'
import { checkJinja } from '../../src/dialects/jinja.ts'
import { withRegions } from '../../src/dialects/mandrill-regions.ts'
import { checkMergeTags, mergeTags } from '../../src/dialects/merge-tags.ts'

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

test('handlebars: what vendors add', () => {
  assert.equal(write('{{#equals kind "tea"}}a{{else}}b{{/equals}}{{#notEquals kind "tea"}}c{{/notEquals}}'), 'a')
  assert.equal(write('{{#greaterThan (length lines) 1}}a{{/greaterThan}}{{#lessThan 2 1}}b{{/lessThan}}'), 'a')
  assert.equal(write('{{#and vip kind}}a{{/and}}{{#or none vip}}b{{/or}}{{#if (and vip none)}}c{{/if}}'), 'ab')
  assert.equal(
    write('{{insert none "default=x y"}} {{insert kind "default=x"}} {{lookup lines.[0] "what"}}'),
    'x y tea tea',
  )
  assert.equal(write('{{#each lines}}{{@root.kind}}{{@index}}{{/each}}'), 'tea0tea1')
})

test('sections: Handlebars, Mustache and Mustachio each in their manner', () => {
  const all = (template: string) =>
    (['handlebars', 'mustache', 'mustachio'] as const).map((as) => handlebars(template, values, true, { as }))
  assert.deepEqual(all('{{#shop}}{{town}}{{kind}}{{/shop}}'), ['Graz', 'Graztea', 'Graz'])
  assert.deepEqual(all('{{#lines}}{{what}}{{/lines}}'), ['tea&lt;cake&gt;', 'tea&lt;cake&gt;', ''])
  assert.deepEqual(all('{{#each lines}}{{../kind}}{{/each}}'), ['teatea', 'teatea', ''])
  assert.deepEqual(all('{{#each lines}}{{../../kind}}{{/each}}')[2], 'teatea')
  assert.deepEqual(all('{{#vip}}{{kind}}{{/vip}}{{^none}}no{{/none}}{{^vip}}x{{/vip}}'), ['teano', 'teano', 'no'])
})

test('tags alone on a line leave none behind, and ~ takes white space', () => {
  assert.equal(write('a\n  {{#if vip}}\nb\n  {{else}}\nc\n{{/if}}\nd'), 'a\nb\nd')
  assert.equal(write('{{! first }}\r\na {{#if vip}}b{{/if}}\n {{kind}}\n'), 'a b\n tea\n')
  assert.equal(write('a {{~kind~}} \n b{{!-- }} --}}c'), 'ateabc')
})

test('templates are checked also where no values lead', () => {
  const jinja = (template: string) => checkJinja(template, { root: () => undefined })
  checkHandlebars('{{#if a}}{{#each b}}{{c.d}}{{/each}}{{else}}{{#equals a "b"}}{{/equals}}{{/if}}{{{e}}}')
  jinja(
    '{% if a %}{{ b|upper }}{% for x in y %}{{ x.z|floatformat:2 }}{% endfor %}{% else %}{% set q = 1 %}{{ q }}{% endif %}',
  )
  checkMergeTags('*|IF:A=1|**|B|**|END:IF|*')
  for (const bad of [
    '{{#if a}}{{> b}}{{/if}}',
    '{{#each a}}{{formatDate b "x"}}{{/each}}',
    '{{#if (a}}{{/if}}',
    '{{#a}}',
  ]) {
    assert.throws(() => checkHandlebars(bad), TemplateError, bad)
  }
  for (const bad of [
    '{% if a %}{{ b|shell }}{% endif %}',
    '{% for x in y %}{{ 1 + 1 }}{% endfor %}',
    '{{ a|round:99 }}',
  ]) {
    assert.throws(() => jinja(bad), TemplateError, bad)
  }
  assert.throws(() => checkMergeTags('*|IF:A|**|IF:?|**|END:IF|**|END:IF|*'), TemplateError)
})

test('editable regions are filled whole, and those that are not there are told', () => {
  const html = '<td mc:edit="a"><td>x</td></td><p mc:edit=b>y</p><img mc:edit="c"><i mc:edit="d">'
  const content = new Map(Object.entries({ a: '<b>1</b>', b: '', c: '2', d: '3', e: '4' }))
  assert.deepEqual(withRegions(html, content), {
    html: '<td mc:edit="a"><b>1</b></td><p mc:edit=b></p><img mc:edit="c"><i mc:edit="d">',
    unused: ['c', 'd', 'e'],
  })
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
