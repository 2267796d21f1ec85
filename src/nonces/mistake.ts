/** An operator's mistake about the store: what is wrong with which file, and the mend. */
export class StoreMistake extends Error {
  override readonly name = 'StoreMistake'
  readonly mend: string

  constructor(what: string, mend: string, options?: ErrorOptions) {
    super(what, options)
    this.mend = mend
  }
}
