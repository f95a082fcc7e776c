import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TemplateError } from '../../src/dialects/expression.ts'
import { rendered } from '../../src/dialects/jinja.ts'

const values: Record<string, unknown> = {
  name: 'Ann & <Co>',
  lines: [
    { what: 'tea', price: 3 },
    { what: 'cake', price: 4.5 },
  ],
  none: '',
  map: { a: 1, b: 2 },
}
const language = { root: (name: string) => (Object.hasOwn(values, name) ? values[name] : undefined) }
const write = (template: string, html = true) => rendered(template, language, html)

test('values stand in the text, escaped where it is HTML', () => {
  assert.equal(write('Hi {{ name }}'), 'Hi Ann &amp; &lt;Co&gt;')
  assert.equal(write('Hi {{name}}', false), 'Hi Ann & <Co>')
  assert.equal(write('{{ name|safe }} {% autoescape off %}{{ name }}{% endautoescape %}'), 'Ann & <Co> Ann & <Co>')
  assert.equal(write('{{ lines[1].what }} {{ lines.0.price }} {{ nobody.at.all }}.'), 'cake 3 .')
  assert.equal(write('no { braces } at {all}'), 'no { braces } at {all}')
})

test('filters change values', () => {
  assert.equal(write('{{ none | default:"you" }} {{ none|default("you") }}'), 'you you')
  assert.equal(write("{{ 'peter pan'|title|truncatechars:7 }}"), 'Pete...')
  assert.equal(write('{{ lines|length }} {{ 2.345|floatformat:2 }}'), '2 2.35')
})

test('if, for, set, raw and comments', () => {
  const order = '{% for line in lines %}{{ loop.index }} {{ line.what }}{% if not loop.last %}, {% endif %}{% endfor %}'
  assert.equal(write(order), '1 tea, 2 cake')
  assert.equal(write('{% for k, v in map %}{{ k }}={{ v }};{% endfor %}'), 'a=1;b=2;')
  assert.equal(write('{% for x in nobody %}x{% else %}none{% endfor %}'), 'none')
  assert.equal(write('{% if none %}a{% elif lines|length > 1 and name %}b{% else %}c{% endif %}'), 'b')
  assert.equal(write('{% set x = "y" %}{{ x }}{# nothing #}{% raw %}{{ x }}{% endraw %}'), 'y{{ x }}')
})

test('what is not understood is refused, and nothing leads out of the values', () => {
  for (const template of ['{% include "x" %}', '{{ x|shell }}', '{{ 1 + 1 }}', '{% if x %}', '{{ }}']) {
    assert.throws(() => write(template), TemplateError, template)
  }
  assert.equal(write('{{ name.constructor }}{{ lines.__proto__ }}{{ constructor }}'), '')
  const many = `${`{% for a in lines %}`.repeat(20)}x${'{% endfor %}'.repeat(20)}`
  assert.throws(() => write(many), /too many steps/)
})
