/** `waypost doctor`: whether the world is as this config needs it. */
import type { Command } from 'commander'
import { loadConfig, problemLine } from '../config/file.ts'
import { canonicalDomain } from '../config/when.ts'
import type { Finding, Health } from '../doctor/finding.ts'
import { AddressError, domainOf } from '../mail/address.ts'
import { httpCarrier } from '../send/http.ts'
import { Failure, WrongUsage } from './failure.ts'
import { type ConfigFlags, examples, gather, withConfig, withJson } from './flags.ts'
import { progressBar } from './progress.ts'
import { json, plain, type Style, styled, type Terminal } from './terminal.ts'

interface DoctorFlags extends ConfigFlags {
  from?: string[]
}

export function addDoctor(waypost: Command, terminal: Terminal): void {
  withJson(withConfig(waypost.command('doctor')))
    .summary('look at what the gateway needs: DNS, SPF, DKIM, DMARC, credentials, clock, disk')
    .description(
      'Looks at what a gateway with this config needs of the world, says what is ill and what mends it; exit code 1 when anything is. Needs no running gateway, and sends no mail. From domains are those that the config names (from of keys, domains of providers, DKIM keys) and those given.',
    )
    .option('--from <domain>', 'a From domain to look at; as often as needed', gather)
    .addHelpText('after', examples('doctor', 'doctor --from example.com', 'doctor --json'))
    .action((flags: DoctorFlags) => doctor(flags, terminal))
}

async function doctor(flags: DoctorFlags, terminal: Terminal): Promise<void> {
  const { config, warnings } = await loadConfig(flags.config)
  const from = (flags.from ?? []).map(readDomain)
  // Only here: it brings what checks SPF and DMARC with it.
  const { examine, steps } = await import('../doctor/doctor.ts')
  const carrier = httpCarrier()
  const bar = progressBar(terminal, steps(config, from))
  let findings: Finding[]
  try {
    const doing = (what: string) => {
      bar.doing(what)
      bar.step()
    }
    findings = await examine({ config, from, fetch: carrier.fetch(10_000), doing })
  } finally {
    bar.end()
    await carrier.close()
  }
  const told = warnings.map((warning): Finding => {
    return { part: 'the config', about: 'warning', health: 'unsure', detail: problemLine(warning) }
  })
  const right: Finding = { part: 'the config', about: 'config', health: 'well', detail: `${flags.config} is right` }
  const all = [right, ...told, ...findings]
  const ill = all.filter(({ health }) => health === 'ill').length
  if (flags.json) terminal.out(json({ ok: ill === 0, findings: all }))
  else show(all, terminal)
  if (ill > 0) throw new Failure(ill === 1 ? 'One thing is ill.' : `${ill} things are ill.`)
}

/** A domain, or an address of it. @throws WrongUsage */
function readDomain(text: string): string {
  try {
    return canonicalDomain(domainOf(text))
  } catch (error) {
    if (error instanceof AddressError) throw new WrongUsage(`--from: ${error.message}`)
    throw error
  }
}

const styles: Record<Health, Style> = { well: 'green', unsure: 'yellow', ill: 'red' }

function show(findings: readonly Finding[], terminal: Terminal): void {
  const widest = Math.max(...findings.map(({ about }) => about.length))
  for (const [part, about] of Map.groupBy(findings, (finding) => finding.part)) {
    terminal.out(styled(terminal, 'bold', plain(part)))
    for (const { health, about: what, detail, mend } of about) {
      terminal.out(`  ${styled(terminal, styles[health], health.padEnd(6))}  ${what.padEnd(widest)}  ${plain(detail)}`)
      if (mend !== undefined) terminal.out(`${' '.repeat(widest + 12)}${plain(mend)}`)
    }
  }
}
