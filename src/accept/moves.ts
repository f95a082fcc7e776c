/** Moves, for those who operate the gateway: how far each is and why it does not go on, and beginning one anew that went back. */
import { z } from '@hono/zod-openapi'
import { type MoveView, moveStates } from '../mail/move.ts'
import { type Api, answer, type HttpParts } from './endpoint.ts'
import { formatInstant } from './instant.ts'
import { Refusal } from './refusals.ts'

const at = z.iso.datetime()
const seen = z.object({ mails: z.number(), deferred: z.number(), complained: z.number() })

const shape = z
  .object({
    rule: z.string().openapi({ description: 'The rule that moves; it has one move at most.' }),
    from: z.array(z.string()),
    to: z.array(z.string()),
    state: z.enum(moveStates).openapi({
      description:
        '`waiting`: for its start; `moving`: a share goes the new way; `held`: it stays at its share, see `reason`; `reverted`: all mail goes the old way again, until it is restarted; `done`: all goes the new way.',
    }),
    share: z.number().openapi({ description: 'The part of mail that goes the new way.' }),
    since: at.nullable().openapi({ description: 'Since when the share is that.' }),
    next: z
      .object({ share: z.number(), at })
      .nullable()
      .openapi({ description: 'The next step, if nothing holds it.' }),
    revertsAt: at.nullable().openapi({ description: 'When it goes back by itself, should it be held until then.' }),
    reason: z.string().nullable().openapi({ description: 'Why it is held or went back.' }),
    seen: z.object({ from: seen, to: seen }).openapi({
      description:
        'Of the last 24 hours, either way: mails that were taken, deferred or blocked, those that were deferred or blocked, and complaints.',
    }),
  })
  .openapi('Move')
const list = z.object({ moves: z.array(shape) }).openapi('MoveList')

/** Adds the endpoints of moves. */
export function moving(api: Api, { operations }: HttpParts): void {
  api.on(
    {
      method: 'get',
      path: '/v1/moves',
      scope: 'read',
      summary: 'List moves from provider to provider and how far they are',
      answers: { 200: { description: 'All of them', content: { 'application/json': { schema: list } } } },
    },
    () => answer(200, { moves: operations.moves().map(shown) }),
  )
  api.on(
    {
      method: 'post',
      path: '/v1/moves/{rule}/restart',
      scope: 'manage',
      summary: 'Begin a move anew that went back',
      description: 'From its first step; what was seen before is forgotten. One that did not go back stays as it is.',
      answers: { 200: { description: 'The move', content: { 'application/json': { schema: shape } } } },
      refusals: ['not_found'],
    },
    ({ c }) => {
      const rule = c.req.param('rule') ?? ''
      const known = operations.restart(rule)
      const move = operations.moves().find((one) => one.rule === rule)
      if (!known || !move) throw new Refusal('not_found', 'There is no rule of this name that moves mail.')
      return answer(200, shown(move))
    },
  )
}

function shown({ since, next, revertsAt, ...move }: MoveView): z.infer<typeof shape> {
  return {
    ...move,
    since: since === null ? null : formatInstant(since),
    next: next && { ...next, at: formatInstant(next.at) },
    revertsAt: revertsAt === null ? null : formatInstant(revertsAt),
  }
}
