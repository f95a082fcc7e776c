/**
 * For `node --import`: the wall clock is wrong by as many milliseconds as the file `TEST_CLOCK` says, which may change while the
 * program runs. The monotonic clock goes on as it is, as when somebody sets a machine's clock.
 */
import { readFileSync } from 'node:fs'

const RealDate = Date
let wrong = 0
const look = () => {
  wrong = Number(readFileSync(process.env.TEST_CLOCK!, 'utf8'))
}
look()
setInterval(look, 20).unref()

globalThis.Date = class extends RealDate {
  constructor(...given: []) {
    if (given.length > 0) super(...given)
    else super(RealDate.now() + wrong)
  }

  static override now(): number {
    return RealDate.now() + wrong
  }
} as DateConstructor
