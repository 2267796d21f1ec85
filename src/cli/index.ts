import { Command, CommanderError } from 'commander'
import { ConfigurationError } from '../config/problems.ts'
import { certsCommand } from './certs.ts'
import { checkCommand } from './check.ts'
import { explainCommand } from './explain.ts'
import { presetsCommand } from './presets.ts'
import { runCommand } from './run.ts'
import { schemaCommand } from './schema.ts'
import { sendCommand } from './send.ts'
import { testCommand } from './test.ts'
import { UsageError } from './usage-error.ts'

/** Every command, one a file. */
const commands = [runCommand, checkCommand, explainCommand, sendCommand, testCommand, presetsCommand, certsCommand, schemaCommand]

/** The whole command line, ready to parse or to be asked for its help. */
export function program(): Command {
  const whole = new Command('sallyport')
    .description('A mutual-TLS gateway for webhooks: only clean deliveries get through.')
    .showSuggestionAfterError().exitOverride()
  for (const command of commands) whole.addCommand(command().exitOverride())
  return whole
}

/** Runs the command line; gives the exit code. Users' mistakes are told without a stack trace, bugs with one. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    await program().parseAsync([...argv])
    return Number(process.exitCode ?? 0)
  } catch (error) {
    return report(error)
  }
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode
  if (error instanceof ConfigurationError || isUserError(error)) {
    process.stderr.write(`${(error as Error).message}\n`)
    return 1
  }
  process.stderr.write(`${error instanceof Error ? error.stack ?? error.message : String(error)}\n`)
  return 70
}

/** What the operating system refuses (a port in use, a directory that may not be written) is no bug of ours. */
function isUserError(error: unknown): boolean {
  return error instanceof UsageError || (error instanceof Error && 'syscall' in error)
}
