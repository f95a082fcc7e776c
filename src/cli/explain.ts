/** `waypost explain`: which providers a message would take, and why; nothing is sent. */
import type { Command } from 'commander'
import { examples } from './flags.ts'
import { type MessageFlags, postEach, withMessage } from './message.ts'
import { json, plain, styled, type Terminal, table } from './terminal.ts'

interface PlanAnswer {
  /** Null when nothing was tried yet. */
  route: string | null
  policy: string | null
  candidates: { provider: string; score: number; reasons: string[] }[]
  rejected: { provider: string; reason: string }[]
  recipients?: string[]
}

interface AheadAnswer extends ExplanationAnswer {
  /** Where it would come into the quiet hours of its type. */
  waits?: { until: string; reason: string }
}

export interface ExplanationAnswer extends PlanAnswer {
  /** Where recipients take different roads. */
  plans?: PlanAnswer[]
}

export function addExplain(waypost: Command, terminal: Terminal): void {
  withMessage(waypost.command('explain'))
    .summary('say which providers a message would take, and why')
    .description('Says which providers a message would take, in which order, and why. Nothing is sent or kept.')
    .addHelpText(
      'after',
      examples('explain --from me@example.com --to you@example.com --type otp', 'explain --file mail.eml --json'),
    )
    .action((flags: MessageFlags) => {
      // What a mail says matters to no rule, so it need not be said.
      const whole = flags.file || flags.html !== undefined ? flags : { text: '', ...flags }
      return postEach<AheadAnswer>(whole, terminal, '/v1/explain', (answer) => {
        if (flags.json) terminal.out(json(answer))
        else {
          showPlans(answer, terminal)
          // A suppressed recipient has nobody who was ruled out either.
          if (
            (answer.plans ?? [answer]).some(
              ({ candidates, rejected }) => candidates.length === 0 && rejected.length > 0,
            )
          )
            terminal.out('\nWhere all are out, nobody can take it now.')
          if (answer.waits) terminal.out(`\nNot now: ${plain(answer.waits.reason)}`)
        }
      })
    })
}

/** Each plan: its rule, who would carry the mail in which order and why, and who was ruled out. */
export function showPlans(explanation: ExplanationAnswer, terminal: Terminal): void {
  for (const [index, plan] of (explanation.plans ?? [explanation]).entries()) {
    if (index > 0) terminal.out('')
    if (plan.recipients) terminal.out(plan.recipients.map(plain).join(', '))
    terminal.out(`Route ${styled(terminal, 'bold', plain(plan.route ?? '-'))}, policy ${plain(plan.policy ?? '-')}`)
    table(
      terminal,
      ['ORDER', 'PROVIDER', 'SCORE', 'WHY'],
      [
        ...plan.candidates.map(({ provider, score, reasons }, place) => [
          place + 1,
          { text: provider, style: 'green' as const },
          Number.isInteger(score) ? score : score.toFixed(3),
          reasons.join('; ') || 'the rule names it',
        ]),
        ...plan.rejected.map(({ provider, reason }) => [
          'out',
          { text: provider, style: 'dim' as const },
          null,
          reason,
        ]),
      ],
    )
  }
}
