/** What is said once a gateway is ready. */

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
