import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { csvLine, csvRows } from '../../src/cli/csv.ts'

const cells = (text: string) => csvRows(text).map((row) => row.cells)

it('reads what spreadsheets write, with the line each row begins on', () => {
  assert.deepEqual(csvRows('a,b\r\n"x, ""y""\r\nz", c \r\n\r\n,,\n"q"'), [
    { line: 1, cells: ['a', 'b'] },
    { line: 2, cells: ['x, "y"\r\nz', 'c'] },
    { line: 6, cells: ['q'] },
  ])
  assert.deepEqual(cells('a,\rb'), [['a', ''], ['b']])
  assert.deepEqual(cells(''), [])
  assert.deepEqual(cells('"open,b\nc'), [['"open', 'b'], ['c']])
})

it('makes text of what a spreadsheet would run', () => {
  for (const cell of ['=HYPERLINK("http://evil.test")', '+cmd|x', '-1', '@SUM(A1)', '\t=1', '\r=1', "'=1"]) {
    assert.match(csvLine([cell]), /^"?'/, cell)
  }
  assert.equal(csvLine(['a@b', "o'neil", '1=1', '']), "a@b,o'neil,1=1,")
})

it('reads back what it wrote', () => {
  const cell = fc.string({ unit: fc.constantFrom(...`ab'=+-@",.`.split('')) })
  fc.assert(
    fc.property(fc.array(cell, { minLength: 1 }), (row) => {
      assert.deepEqual(cells(csvLine(row)), row.some((one) => one !== '') ? [row] : [])
    }),
  )
})

it('does not hang on what is malformed', { timeout: 20_000 }, () => {
  for (const text of [
    '"'.repeat(200_001),
    `${'"a'.repeat(100_000)}`,
    `"${'a'.repeat(1_000_000)}`,
    '\n'.repeat(500_000),
  ]) {
    csvRows(text)
  }
})
