/** The rules of the house that a compiler does not know: who may import whom, no cycles, files a reader can hold in the head. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'

interface Import {
  /** A path from the top of the repository, or a package's name. */
  target: string
  typeOnly: boolean
}

const files = globSync(['src/**/*.ts', 'adapters/*.ts']).sort()
const imports = new Map(files.map((file) => [file, importsOf(file)]))

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8')
  const found = [
    ...text.matchAll(/^(?:import|export)\s+(type\s)?(?:[^'"]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm),
  ]
  return found.map(([, type, fixed, lazy]) => {
    const target = (fixed ?? lazy)!
    return {
      target: target.startsWith('.') ? normalize(join(dirname(file), target)) : packageOf(target),
      typeOnly: type !== undefined,
    }
  })
}

function packageOf(name: string): string {
  if (name.startsWith('node:')) return name
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/')
}

/**
 * For each room, what its files may import: paths of ours by prefix, and packages by name. `+` before a name allows its types only.
 * Built-in modules that are pure computation are allowed everywhere but in `src/mail` and `src/route`.
 */
const rooms: Record<string, string[]> = {
  'src/mail/': ['src/mail/', 'postal-mime', 'nodemailer', '+zod'],
  'src/route/': ['src/route/', 'src/mail/'],
  'src/accept/': [
    'src/accept/',
    'src/mail/',
    'src/store/store.ts',
    'hono',
    '@hono/zod-openapi',
    'smtp-server',
    '+src/gateway.ts',
    '+src/config.ts',
  ],
  'src/dialects/': ['src/dialects/', 'src/mail/'],
  'src/queue/': ['src/queue/', 'src/mail/', 'src/store/store.ts'],
  'src/track/': ['src/track/', 'src/mail/', 'src/store/store.ts'],
  'src/dashboard/': ['src/dashboard/', 'src/mail/', 'src/store/store.ts', 'hono'],
  'src/send/': ['src/send/', 'src/mail/', 'opossum', 'nodemailer', 'undici', 'mailauth'],
  // As the edges, it puts the parts of the gateway together, and calls the command line's config reader; but no vendor, driver or carrier.
  'src/simulate/': [
    'src/simulate/',
    'src/mail/',
    'src/route/',
    'src/queue/',
    'src/gateway.ts',
    'src/standing/standing.ts',
    'src/moves.ts',
    'src/hosts.ts',
    'src/config/engine.ts',
    'src/config/file.ts',
    'src/config.ts',
    '+src/send/attempt.ts',
    '+src/store/store.ts',
    'node:worker_threads',
    'yaml',
  ],
  // Where stages meet as in gateway.ts, around each configured provider.
  'src/standing/': [
    'src/standing/',
    'src/mail/',
    'src/route/',
    'src/queue/',
    'src/send/',
    'src/store/store.ts',
    'src/store/stat.ts',
    '+src/track/inbound.ts',
    '+src/hosts.ts',
    '+src/identity.ts',
    '+src/turns.ts',
  ],
  'src/store/': ['src/store/', 'src/mail/', 'src/memory.ts'],
  'adapters/': [
    'adapters/',
    'src/mail/',
    'zod',
    '@sendgrid/mail',
    '@sendgrid/client',
    'postmark',
    'mailgun.js',
    'undici',
  ],
}

/** Where an adapter may not go: to another adapter. `index.ts` is the list of them. */
const builtins = new Set([
  'node:crypto',
  'node:stream',
  'node:net',
  'node:events',
  'node:tls',
  'node:util',
  'node:dns/promises',
  'node:os',
  'node:buffer',
])

for (const [room, allowed] of Object.entries(rooms)) {
  test(`${room} imports only what it may`, () => {
    const wrong: string[] = []
    for (const [file, list] of imports) {
      if (!file.startsWith(room)) continue
      for (const { target, typeOnly } of list) {
        if (file.startsWith('src/store/sqlite-') && target.startsWith('node:')) continue
        // Pieces of adapters' schemas.
        if (file === 'src/mail/settings.ts' && target === 'zod') continue
        if (target.startsWith('node:') && builtinAllowed(room, target)) continue
        if (room === 'adapters/' && target.startsWith('adapters/') && file !== 'adapters/index.ts')
          wrong.push(`${file} imports ${target}`)
        const fits = (rule: string) =>
          rule.startsWith('+')
            ? typeOnly && target.startsWith(rule.slice(1))
            : rule.endsWith('/')
              ? target.startsWith(rule)
              : target === rule
        if (!allowed.some(fits)) wrong.push(`${file} imports ${target}`)
      }
    }
    assert.deepEqual(wrong, [])
  })
}

function builtinAllowed(room: string, name: string): boolean {
  if (room === 'src/mail/' || room === 'src/route/') return false
  // Adapters read key files when the config is read, and nothing else.
  if (room === 'adapters/' && name === 'node:fs') return true
  return builtins.has(name)
}

test('the core knows no driver and no vendor', () => {
  const core = ['src/gateway.ts', 'src/delivery.ts', 'src/outward.ts', 'src/app.ts', 'src/config.ts', 'src/metrics.ts']
  const wrong = core.flatMap((file) =>
    (imports.get(file) ?? [])
      .filter(({ target }) => target.startsWith('adapters/') || /^src\/store\/(?!store\.ts)/.test(target))
      .map(({ target }) => `${file} imports ${target}`),
  )
  assert.deepEqual(wrong, [])
})

test('edges are imported by nobody but the command', () => {
  const wrong = [...imports].flatMap(([file, list]) =>
    list.filter(({ target }) => target === 'src/node.ts' && !file.startsWith('src/cli')).map(() => file),
  )
  assert.deepEqual(wrong, [])
})

test('no vendor is named outside its adapter', () => {
  const vendors = /\b(sendgrid|postmark|mailgun|resend|postmastery)\b/i
  const wrong = files.filter((file) => /^src\/(?!dialects\/)/.test(file) && vendors.test(code(file)))
  assert.deepEqual(wrong, [])
})

/** A file without its comments. */
function code(file: string): string {
  return readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
}

test('no import cycles at run time', () => {
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (file: string, path: string[]) => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
    if (path.includes(file) || done.has(file)) return
    for (const { target, typeOnly } of imports.get(file) ?? [])
      if (!typeOnly && imports.has(target)) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
  assert.deepEqual(cycles, [])
})

test('files stay small enough to hold in the head', () => {
  const lengths = files.map((file) => [file, readFileSync(file, 'utf8').split('\n').length - 1] as const)
  assert.deepEqual(
    lengths.filter(([, lines]) => lines > 420),
    [],
  )
})

test('no test is left alone or left out', () => {
  const wrong = globSync('test/**/*.test.ts').filter(
    (file) => file !== 'test/architecture.test.ts' && /\.only\(|\btodo: true/.test(readFileSync(file, 'utf8')),
  )
  assert.deepEqual(wrong, [])
})
