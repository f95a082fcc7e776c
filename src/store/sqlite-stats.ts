/** Figures by the hour: added to, and summed up. */
import type { Database } from './database.ts'
import { type Stat, type StatCounts, type StatQuery, statCounts } from './stat.ts'

const insert = `
  INSERT INTO stat (hour, tenant, provider, type, host, ${statCounts.join(', ')})
  VALUES (?, ?, ?, ?, ?, ${statCounts.map(() => '?').join(', ')})
  ON CONFLICT (hour, tenant, provider, type, host)
  DO UPDATE SET ${statCounts.map((count) => `${count} = ${count} + excluded.${count}`).join(', ')}`

export function addStats(db: Database, stats: readonly Stat[]): void {
  for (const stat of stats) {
    const { hour, tenant, provider, type, host } = stat
    db.run(insert, hour, tenant, provider, type, host, ...statCounts.map((count) => stat[count]))
  }
}

export function stats(db: Database, { by, since, tenant }: StatQuery): (StatCounts & { name: string })[] {
  const sums = statCounts.map((count) => `sum(${count}) AS ${count}`).join(', ')
  const whose = tenant === null ? '' : 'AND tenant = ?'
  return db.all<StatCounts & { name: string }>(
    `SELECT ${by} AS name, ${sums} FROM stat WHERE hour >= ? ${whose} GROUP BY ${by} ORDER BY ${by}`,
    since,
    ...(tenant === null ? [] : [tenant]),
  )
}
