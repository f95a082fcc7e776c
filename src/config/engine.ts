/** What runs the patterns of a config: RE2, whose matching always ends. */
import { RE2JS } from 're2js'
import type { RegexEngine } from '../route/match.ts'

export const engine: RegexEngine = (source) => {
  const pattern = RE2JS.compile(source)
  return (text) => pattern.test(text)
}
