/** What is said and done once a gateway is ready. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Gives back what loading left behind, some 16 MB: at rest V8 never would, for nothing is allocated that asks for room. */
export function forgetStart(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  // Off again: the flags are part of what compiled code is kept under.
  setFlagsFromString('--no-expose-gc')
  // V8 doubles the room for young objects each time enough of them have survived, to 128 MB sooner or later under any load, and
  // lets as much more garbage gather behind it. What loading made of it, 32 MB, does as well for mail.
  setFlagsFromString('--semi-space-growth-factor=1')
}

/** For people: where it listens, and a first message to send. */
export function banner({ http, smtp }: { http: string; smtp: string }): string {
  const body = `{"from":"me@example.com","to":"you@example.com","subject":"Hello","text":"A first message."}`
  return `
Waypost is ready.
  HTTP       ${http}
  SMTP       ${smtp}
  Dashboard  ${http}/

Send a first message:
  curl ${http}/v1/messages -H 'content-type: application/json' -d '${body}'
`
}
