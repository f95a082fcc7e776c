/** What adapters are handed to ask with: the carrier's `fetch`, within a deadline, without redirects, an answer of 1 MiB at most. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>
