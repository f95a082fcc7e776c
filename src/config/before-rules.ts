/** The hard constraints of a config in plain English: what holds before any rule is looked at, and what no rule can pass. */
import type { Config } from '../config.ts'
import { condition, listed } from './sentences.ts'

/** A sentence for each; none where the config has none of its own. The labels of types stand with the rules. */
export function beforeRules({
  tenants,
  demands,
  providers,
}: Pick<Config, 'tenants' | 'demands' | 'providers'>): string[] {
  const bound = (labels: readonly string[]) =>
    `may be carried only by providers with the label ${listed(labels, 'and')}`
  return [
    ...Object.entries(tenants).flatMap(([tenant, { labels }]) =>
      labels.length > 0 ? [`Mail of tenant ${tenant} ${bound(labels)}.`] : [],
    ),
    ...demands.map(({ name, when, labels }) => `Mail ${condition(when, false)} (${name}) ${bound(labels)}.`),
    ...providers.flatMap(({ name, tenants, domains }) => {
      const whose = tenants ? [`of tenant ${listed(tenants, 'or')}`] : []
      const from = domains ? [`from ${listed(domains.map(domainWords), 'or')}`] : []
      return tenants || domains ? [`${name} carries only mail ${[...whose, ...from].join(', and ')}.`] : []
    }),
  ]
}

function domainWords(domain: string): string {
  return domain.startsWith('*.') ? `anything below ${domain.slice(2)}` : domain
}
