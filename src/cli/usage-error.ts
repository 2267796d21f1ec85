/** An operator's mistake in calling a command: printed as it is, exit 1. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
