import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { readAddress, readCertificate, readTime } from '../explain/circumstances.ts'
import { explain } from '../explain/explain.ts'
import { prepareOffline } from '../explain/offline.ts'
import { printExplanation } from '../explain/print.ts'
import { parseRecorded, type Recorded } from '../explain/recorded.ts'
import { systemWorld } from '../world.ts'
import { UsageError } from './usage-error.ts'

interface Options {
  readonly config: string
  readonly from: string
  readonly cert?: string
  readonly at?: string
  readonly json?: true
  readonly bytes?: true
}

/** `sallyport explain`: one recorded request against the policy, and why. */
export function explainCommand(): Command {
  return new Command('explain')
    .description('judge one recorded request by the policy and say why; exit 0 accepted, 1 refused')
    .argument('<request>', 'raw HTTP, a HAR file or a curl command; - for standard input')
    .option('-c, --config <file>', 'configuration file', 'config/sallyport.yaml')
    .option('--from <ip>', 'the address that it comes from', '127.0.0.1')
    .option('--cert <pem>', 'the certificate that the sender shows, leaf first')
    .option('--at <time>', 'when it arrives: 2026-11-23T12:00:00Z or Unix seconds; left out: now')
    .option('--json', 'print JSON')
    .option('--bytes', 'show the string to sign in hex, too')
    .addHelpText('after', '\nNonces are not looked up: every delivery is new here. Responders (OCSP) are not asked: every certificate is good here.\n\nExamples:\n'
      + '  sallyport explain delivery.http --from 203.0.113.7 --at 1700000000\n'
      + '  sallyport send --preset stripe --secret env:STRIPE_SECRET --url https://hooks.example.com/stripe --print | sallyport explain -\n'
      + '  sallyport explain delivery.har --cert sender.pem --json')
    .action(run)
}

async function run(request: string, options: Options): Promise<void> {
  const at = options.at === undefined ? systemWorld.clock.now() : readTime(options.at)
  if (at === undefined) throw new UsageError(`${options.at} is no time, write 2026-11-23T12:00:00Z or Unix seconds`)
  const from = readAddress(options.from)
  if (from === undefined) throw new UsageError(`${options.from} is no address, write 203.0.113.7 or 2001:db8::1`)
  const recorded = readRecorded(request)
  const offline = await prepareOffline(options.config, systemWorld, at)
  const certificate = options.cert === undefined ? undefined : readCertificate(options.cert, offline)
  const explanation = await explain(offline, recorded, { from, certificate, at })
  const text = options.json ? `${JSON.stringify(explanation, asText, 2)}\n` : printExplanation(explanation, options.bytes ? 'bytes' : 'text')
  process.stdout.write(text)
  process.exitCode = explanation.verdict === 'accepted' ? 0 : 1
}

function readRecorded(request: string): Recorded {
  const recorded = parseRecorded(readFileSync(request === '-' ? 0 : request), readNamed)
  if ('unreadable' in recorded) throw new UsageError(`${request === '-' ? 'standard input' : request}: ${recorded.unreadable}`)
  return recorded
}

/** A file that a curl command names: below the directory where we are, as curl reads it. */
function readNamed(name: string): Uint8Array {
  if (name === '-') throw new Error('@- is the standard input of curl, which is not here: write the body to a file')
  return readFileSync(name)
}

/** Bytes as hex. `toJSON` of a Buffer runs before this sees it. */
function asText(_: string, value: unknown): unknown {
  const isBuffer = typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value
  return isBuffer ? Buffer.from(value.data as number[]).toString('hex') : value
}
