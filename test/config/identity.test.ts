/** `identity` of a provider: how it is read, and refused where it would find out nothing. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { adapters } from '../../adapters/index.ts'
import { accepted, refused } from './reading.ts'

const routes = '\nroutes: [{ name: rest, use: a }]\n'
const relay = (identity: string) =>
  `providers: { a: { adapter: smtp, host: relay.example.com, identity: ${identity} } }${routes}`

it('is off unless it is asked for, and only told of unless it is required', async () => {
  const read = async (text: string) => (await accepted(text, { adapters })).providers[0]!.identity
  assert.equal(await read(`providers: { a: { adapter: smtp, host: relay.example.com } }${routes}`), null)
  assert.deepEqual(await read(relay('{ dkim: [s1] }')), { require: false, dkim: ['s1'], spf: null, resolver: [] })
  assert.deepEqual(await read(relay('{ require: true, spf: _SPF.vendor.example, resolver: ["127.0.0.1:53"] }')), {
    require: true,
    dkim: [],
    spf: '_spf.vendor.example',
    resolver: ['127.0.0.1:53'],
  })
})

it('is refused where it would find out nothing', async () => {
  const problems = (text: string) => refused(text, { adapters })
  assert.deepEqual(await problems(relay('{ require: true }')), [
    '1:59 providers.a.identity: finds out nothing: smtp cannot be asked about domains. Name dkim or spf, for DNS to be asked',
  ])
  assert.deepEqual(await problems(`providers: { a: { adapter: inbox, identity: {} } }${routes}`), [
    '1:35 providers.a.identity: does nothing here: what is kept here needs no leave to send. Leave it out',
  ])
  assert.deepEqual(
    await problems(
      `providers: { a: { adapter: direct, hostname: mail.example.com, identity: { spf: x.example } } }${routes}`,
    ),
    ['1:81 providers.a.identity.spf: does nothing here: it follows from the settings of direct. Leave it out'],
  )
  assert.deepEqual(await problems(relay('{ dkim: ["-"], resolver: [localhost] }')), [
    '1:78 providers.a.identity.dkim[0]: must be a DNS label, such as s1',
    '1:95 providers.a.identity.resolver[0]: must be `ip` or `ip:port`',
  ])
})
