import { CommanderError, InvalidArgumentError, type Command } from 'commander'

/**
 * What somebody said to a program that is started by hand. Ends the process where there is nothing to run: with 0 after `--help`, with 2 where
 * something is said that the program does not know, before anything is measured.
 */
export function optionsOf<Options extends object>(command: Command): Readonly<Options> {
  try {
    return command.showHelpAfterError().exitOverride().parse().opts<Options>()
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    process.exit(error.exitCode === 0 ? 0 : 2)
  }
}

/** A count: 1 or more. */
export function count(text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Write a whole number from 1.')
}

/** An amount that need not be whole, such as `0.5`. */
export function amount(text: string): number {
  const value = /^[0-9]{1,9}(?:\.[0-9]{1,9})?$/.test(text) ? Number(text) : 0
  if (value > 0) return value
  throw new InvalidArgumentError('Write a number above 0.')
}

/** Names of a list, with commas between them. */
export function namesOf<Name extends string>(known: readonly Name[]): (text: string) => readonly Name[] {
  return (text) => text.split(',').map((name) => {
    const found = known.find((one) => one === name)
    if (found === undefined) throw new InvalidArgumentError(`Write one or more of: ${known.join(',')}.`)
    return found
  })
}
