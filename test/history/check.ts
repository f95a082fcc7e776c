/** The checker: a verdict over a history, and nothing but the history. */
import type { Line } from './history.ts'

export interface Verdict {
  acknowledged: number
  /** Messages that arrived, however often. */
  delivered: number
  /** Acknowledged, never arrived, and nobody was told of an end: ok − delivered − terminal. */
  lost: string[]
  /** Arrived more than once. */
  doubled: string[]
  /** Of those, the ones that nothing allows. */
  unexcused: string[]
  /** Arrived, though nobody handed it in, or whoever did heard no. */
  phantom: string[]
  /** Messages that a far end had when the process died before it knew: held since, sent again, or recognised by their key. */
  pastHandOver: number
  kills: number
}

/** Ends that a customer is told of, at any type; `sent` is none, for then it must have arrived. */
const ends: ReadonlySet<string> = new Set(['bounced', 'failed', 'expired', 'suppressed', 'canceled'])

interface Copy {
  /** The place in the history where it arrived. */
  at: number
  sink: string
  honoursKeys: boolean
  unheard: boolean
}

interface Story {
  unknown: 'failover' | 'reconcile' | 'hold' | null
  said: 'ok' | 'fail' | 'info' | null
  copies: Copy[]
  recognised: boolean
  status: string | null
  unknowns: number
}

/**
 * A copy too many is excused by all of these together: the type would rather be sent twice than late, no far end that honours
 * keys is among those who have it, the process was killed between the copies, and the gateway owns up to the unknown.
 * @param far `faults`: far ends fail, not only the gateway. An answer that was kept back then excuses a copy as a kill does, and
 *   one that honours keys, which may have had no answer to the same key either, must only not have two copies itself
 */
export function check(lines: readonly Line[], far: { faults?: true } = {}): Verdict {
  const stories = new Map<string, Story>()
  const kills: { from: number; to: number }[] = []
  for (const [at, line] of lines.entries()) {
    if (line.what === 'kill') kills.push({ from: at, to: Number.POSITIVE_INFINITY })
    else if (line.what === 'up') for (const kill of kills) kill.to = Math.min(kill.to, at)
    else note(storyOf(stories, line.key), line, at)
  }

  const where = (holds: (story: Story) => boolean) =>
    [...stories].filter(([, story]) => holds(story)).map(([key]) => key)
  const killedBetween = (first: number, second: number) => kills.some(({ from, to }) => first < to && from < second)
  const byKeys = (copies: Copy[]) => {
    const sinks = copies.filter(({ honoursKeys }) => honoursKeys).map(({ sink }) => sink)
    return far.faults ? new Set(sinks).size === sinks.length : sinks.length === 0
  }
  const unheard = (before: Copy, at: number) => (far.faults === true && before.unheard) || killedBetween(before.at, at)
  const excused = ({ unknown, unknowns, copies }: Story) =>
    unknown === 'failover' &&
    byKeys(copies) &&
    copies.length - 1 <= unknowns &&
    copies.every(({ at }, place) => place === 0 || unheard(copies[place - 1]!, at))
  const handedOver = ({ copies, status, recognised }: Story) =>
    recognised || copies.length > 1 || (copies.length > 0 && status === 'held')
  const doubled = where(({ copies }) => copies.length > 1)

  return {
    acknowledged: where(({ said }) => said === 'ok').length,
    delivered: where(({ copies }) => copies.length > 0).length,
    lost: where((story) => story.said === 'ok' && story.copies.length === 0 && !hasEnded(story)),
    doubled,
    unexcused: doubled.filter((key) => !excused(stories.get(key)!)),
    phantom: where(({ unknown, said, copies }) => copies.length > 0 && (unknown === null || said === 'fail')),
    pastHandOver: where(handedOver).length,
    kills: kills.length,
  }
}

/** `held` is where unknown mail ends, but not at a type that would rather be sent twice. */
function hasEnded({ status, unknown }: Story): boolean {
  return status !== null && (ends.has(status) || (status === 'held' && unknown !== 'failover'))
}

function storyOf(stories: Map<string, Story>, key: string): Story {
  let story = stories.get(key)
  if (!story) {
    story = {
      unknown: null,
      said: null,
      copies: [],
      recognised: false,
      status: null,
      unknowns: 0,
    }
    stories.set(key, story)
  }
  return story
}

function note(story: Story, line: Exclude<Line, { what: 'kill' | 'up' }>, at: number): void {
  switch (line.what) {
    case 'invoke':
      story.unknown = line.unknown
      return
    case 'ok':
    case 'fail':
    case 'info':
      story.said = line.what
      return
    case 'delivered':
      story.copies.push({ at, sink: line.sink, honoursKeys: line.honoursKeys, unheard: line.unheard === true })
      return
    case 'recognised':
      story.recognised = true
      return
    case 'told':
      story.status = line.status
      story.unknowns = line.unknowns
  }
}

/** Nothing is lost, invented, or doubled without an excuse. */
export function holds({ lost, unexcused, phantom }: Verdict): boolean {
  return lost.length === 0 && unexcused.length === 0 && phantom.length === 0
}

/** One line for people, with a few names where something is wrong. */
export function summary(verdict: Verdict): string {
  const some = (keys: string[]) => (keys.length === 0 ? '0' : `${keys.length} (${keys.slice(0, 5).join(', ')})`)
  const { acknowledged, delivered, lost, doubled, unexcused, phantom, pastHandOver, kills } = verdict
  return [
    `${acknowledged} acknowledged`,
    `${delivered} arrived`,
    `lost ${some(lost)}`,
    `doubled ${doubled.length}, of these without excuse ${some(unexcused)}`,
    `phantom ${some(phantom)}`,
    `${pastHandOver} past hand-over in ${kills} kills`,
  ].join('; ')
}
