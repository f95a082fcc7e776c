/** A command that could not do what was asked: said in one or more lines, exit code 1. */
export class Failure extends Error {
  override name = 'Failure'
}

/** A command that was asked for wrongly: exit code 2. */
export class WrongUsage extends Error {
  override name = 'WrongUsage'
}
