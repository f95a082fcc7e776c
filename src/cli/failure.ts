/** A command that could not do what was asked: said in one or more lines, exit code 1. */
export class Failure extends Error {
  override name = 'Failure'
}

/** What the gateway refused. */
export class Refused extends Failure {
  override name = 'Refused'
  /** Of HTTP. */
  readonly status: number

  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}

/** A command that was asked for wrongly: exit code 2. */
export class WrongUsage extends Error {
  override name = 'WrongUsage'
}
