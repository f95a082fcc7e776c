/** SparkPost's template language, by the examples of its documents. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { budget, type Form, TemplateProblem, template } from '../../src/dialects/sparkpost-template.ts'

const render = (source: string, data: Record<string, unknown> = {}, form: Form = 'html') =>
  template(source, form)(data, budget())

test('puts values in, and nothing for what is not there', () => {
  assert.equal(render('{{ value }}{{value}}{{  value   }}', { value: 'Hello 👋' }), 'Hello 👋'.repeat(3))
  assert.equal(render('* {{name}}\n* {{age}}\n* {{job}}', { name: 'Jane', age: null }), '* Jane\n* \n* ')
  assert.equal(render("Hello {{ name or 'Customer' }}", { name: null }), 'Hello Customer')
  assert.equal(render('{{a}} {{b}} {{c}}{{d}}', { a: 5.0, b: true, c: {}, d: [] }), '5 true ')
})

test('finds what is nested, lists counting from one', () => {
  const data = { address: { street: 'Howard Street', city: 'San Francisco' }, part: 'street', list: [{ n: 'one' }, 2] }
  assert.equal(
    render("{{address.street}}, {{address['city']}}, {{address[part]}}", data),
    ['Howard Street', 'San Francisco', 'Howard Street'].join(', '),
  )
  assert.equal(render('{{list[1].n}} {{list[2]}} {{list[0]}}{{list[3]}} {{#list}}', data), 'one 2  2')
  assert.equal(render('{{constructor}}{{__proto__}}{{address.toString}}{{list.length}}', data), '')
})

test('escapes in HTML, encodes in links, and neither in threes', () => {
  const data = { html: '<b>Hello, World</b>', offer: 'Daily Deal!', link: 'www.example.com/a?b=c' }
  assert.equal(render('{{html}} {{{html}}}', data), '&lt;b&gt;Hello, World&lt;&#x2F;b&gt; <b>Hello, World</b>')
  assert.equal(render('{{html}}', data, 'text'), '<b>Hello, World</b>')
  assert.equal(
    render('<a href="https://example.com/d?user={{u}}&o={{offer}}">{{offer}}</a>', { ...data, u: 'j' }),
    '<a href="https://example.com/d?user=j&o=Daily%20Deal%21">Daily Deal!</a>',
  )
  assert.equal(
    render('https://{{{link}}} {{link}}', data, 'text'),
    'https://www.example.com/a?b=c www.example.com/a?b=c',
  )
})

test('chooses', () => {
  const state = 'Start\n{{ if state == "MD" }}\nMaryland\n{{ end }}\nEnd'
  assert.equal(render(state, { state: 'MD' }), 'Start\nMaryland\nEnd')
  assert.equal(render(state, { state: 'CA' }), 'Start\nEnd')
  const ways = '{{if a then}}A{{elseif b}}B{{else}}C{{end}}'
  assert.deepEqual(
    [{ a: true }, { a: false, b: 1 }, {}].map((data) => render(ways, data)),
    ['A', 'B', 'C'],
  )
  const whether = (condition: string) =>
    render(`{{if ${condition}}}yes{{end}}`, { age: 31, name: 'x', list: [], zero: 0 })
  for (const condition of [
    'not signed_up',
    'age > 30 and name == "x"',
    'age >= 31 or nothing',
    'zero',
    'empty(list)',
    '#list == 0',
    "(age < 3 or name != 'y') and true",
    'nothing == nil',
  ]) {
    assert.equal(whether(condition), 'yes', condition)
  }
  for (const condition of ['age < "40"', 'not empty(name)  and false', 'age == "31"', 'nil']) {
    assert.equal(whether(condition), '', condition)
  }
})

test('loops', () => {
  const cart = [
    { name: 'Jacket', price: 39.99, more: [{ key: 'v2' }, { key: 'v1' }] },
    { name: 'Gloves', price: 5.0 },
  ]
  assert.equal(
    render('{{ each children }}\nA child named {{loop_var}}\n{{ end }}\n', { children: ['Rusty', 'Audrey'] }),
    'A child named Rusty\nA child named Audrey\n',
  )
  const nested = [
    '---',
    '{{each cart}}',
    'Item: {{loop_vars.cart.name}}, {{loop_vars.cart.price}}',
    '  {{each loop_vars.cart.more}}',
    '  {{loop_index}}: {{loop_vars.more.key}} of {{loop_vars.cart.name}}',
    '  {{end}}',
    '---',
    '{{end}}',
    '',
  ]
  assert.equal(
    render(nested.join('\n'), { cart }),
    '---\nItem: Jacket, 39.99\n  1: v2 of Jacket\n  2: v1 of Jacket\n---\nItem: Gloves, 5\n---\n',
  )
  assert.equal(render('{{each nothing}}x{{end}}{{each n}}x{{end}}', { n: 5 }), '')
})

test('renders what is dynamic, and braces', () => {
  const data = {
    name: 'John',
    offers: ['offer1', 'offer3'],
    dynamic_html: {
      offer1: '<a href="http://t.com/1?name={{name}}">A</a>',
      offer2: 'B',
      offer3: '<a href="http://t.com/3?name={{name}}">C</a>',
    },
  }
  assert.equal(
    render('<ul>\n{{each offers}}\n<li>{{render_dynamic_content(dynamic_html[loop_var])}}</li>\n{{end}}\n</ul>', data),
    '<ul>\n<li><a href="http://t.com/1?name=John">A</a></li>\n<li><a href="http://t.com/3?name=John">C</a></li>\n</ul>',
  )
  assert.equal(render('{{ opening_double_curly() }}x{{closing_triple_curly()}}'), '{{x}}}')
  assert.throws(() => render('{{render_dynamic_content(a)}}', { a: '{{render_dynamic_content(a)}}' }), TemplateProblem)
})

test('refuses what is not of the language, and what goes on without end', () => {
  for (const source of [
    '{{name',
    '{{if a}}x',
    '{{end}}',
    '{{else}}',
    '{{a b}}',
    '{{nothing()}}',
    '{{a.}}',
    '{{}}',
    '{{if a}}{{else}}{{else}}{{end}}',
    '{{ $x }}',
    '{{a[1}}',
    `{{${'('.repeat(99)}`,
  ]) {
    assert.throws(() => render(source), TemplateProblem, source)
  }
  for (const long of [' ', 'a', '"', '(', 'a.', '{']) {
    assert.throws(() => render(`{{if a${long.repeat(1_000_000)}}}x{{end}}`), TemplateProblem)
  }
  const list = Array.from({ length: 1000 }, () => 1)
  const within = (source: string, data: object, most: object) => () =>
    template(source, 'html')({ ...data }, { ...budget(), ...most })
  assert.throws(within('{{each l}}{{each l}}x{{end}}{{end}}', { l: list }, { steps: 10_000 }), /too long/)
  assert.throws(within('{{each l}}{{t}}{{end}}', { l: list, t: 'x'.repeat(100) }, { length: 10_000 }), /too much/)
})
