import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { ConfigurationError } from '../config/problems.ts'
import { UsageError } from './usage-error.ts'

/** Every command, one a file, read when it is wanted: a gateway holds nothing of what only makes certificates. */
const commands: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ['run', async () => (await import('./run.ts')).runCommand()],
  ['check', async () => (await import('./check.ts')).checkCommand()],
  ['explain', async () => (await import('./explain.ts')).explainCommand()],
  ['send', async () => (await import('./send.ts')).sendCommand()],
  ['test', async () => (await import('./test.ts')).testCommand()],
  ['presets', async () => (await import('./presets.ts')).presetsCommand()],
  ['certs', async () => (await import('./certs.ts')).certsCommand()],
  ['schema', async () => (await import('./schema.ts')).schemaCommand()],
])

/** What to do with all that. */
const next = `
Begin with:
  sallyport run --example               a gateway, a receiver, and a delivery to try
  sallyport check -c FILE               your configuration: every mistake at once, with the mend
  sallyport run -c FILE                 your gateway
  sallyport COMMAND --help              what a command takes, with examples`

/** The command line, ready to parse: with the one command that is named, or with all where none is. */
export async function program(named?: string): Promise<Command> {
  const whole = new Command('sallyport')
    .description('A mutual-TLS gateway for webhooks: only clean deliveries get through.')
    .addHelpText('after', next).showSuggestionAfterError().exitOverride()
  const only = named === undefined ? undefined : commands.get(named)
  if (only === undefined) whole.version(version(), '-V, --version', 'print the version')
  for (const command of only === undefined ? commands.values() : [only]) whole.addCommand((await command()).exitOverride())
  return whole
}

/** Of the package that this file stands in. */
function version(): string {
  return (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string }).version
}

/** Runs the command line; gives the exit code. Users' mistakes are told without a stack trace, bugs with one. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    await (await program(argv[2])).parseAsync([...argv])
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
