import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { Agent } from 'undici'
import { ConfigurationFiles } from '../config/files.ts'
import { resolveSecret } from '../config/secrets.ts'
import { compileSender, printRequest, type SignedRequest } from '../send/sender.ts'
import { tamperings, type Tampering } from '../send/tamper.ts'
import { systemWorld } from '../world.ts'
import { repeated } from './repeated.ts'
import { UsageError } from './usage-error.ts'

interface Options {
  readonly preset: string
  readonly secret: string
  readonly url: string
  readonly data?: string
  readonly header?: readonly string[]
  readonly set?: readonly string[]
  readonly cert?: string
  readonly key?: string
  readonly ca?: string
  readonly print?: true
  readonly tamper?: Tampering
  readonly count: string
  readonly keyId?: string
}

/** `sallyport send`: plays the sender. */
export function sendCommand(): Command {
  return new Command('send')
    .description('send a correctly signed delivery, as the sender of a preset does; exit 0 where all answers are 2xx')
    .requiredOption('--preset <name>', 'the sender: a name that `sallyport presets` lists')
    .requiredOption('--secret <ref>', 'its secret, or its private key: env:NAME, file:PATH or literal:TEXT')
    .requiredOption('--url <url>', 'where to, as the sender knows it')
    .option('--data <file>', 'the body, byte for byte; - for standard input; left out: a small JSON with a fresh id')
    .option('--key-id <id>', 'the name of the key, for senders that name their keys')
    .option('--header <line>', 'a further header, `Name: value` (several: again)', repeated)
    .option('--set <name=value>', 'a parameter of the preset, such as header=X-Signature (several: again)', repeated)
    .option('--cert <pem>', 'client certificate').option('--key <pem>', 'its key').option('--ca <pem>', 'whom to trust as server')
    .option('--print', 'write the raw request to standard output, and send nothing')
    .addOption(new Option('--tamper <what>', 'change one thing after signing, or send the same twice').choices([...tamperings]))
    .option('--count <n>', 'how many deliveries', '1')
    .addHelpText('after', '\nExamples:\n'
      + '  sallyport send --preset github --secret file:certs/example.secret --url https://localhost:8443/example \\\n'
      + '    --ca certs/ca.pem --cert certs/sender.pem --key certs/sender.key\n'
      + '  sallyport send --preset stripe --secret env:STRIPE_SECRET --url https://hooks.example.com/stripe --print > delivery.http\n'
      + '  sallyport send --preset slack --secret env:SLACK --url https://localhost:8443/slack --tamper timestamp')
    .action(run)
}

async function run(options: Options): Promise<void> {
  const requests = Array.from({ length: readCount(options.count) }, makeRequests(options)).flat()
  if (options.print) {
    for (const request of requests) process.stdout.write(printRequest(request))
    return
  }
  const agent = new Agent({ connect: tlsOptions(options) })
  const statuses: number[] = []
  for (const request of requests) statuses.push(await send(request, new URL(options.url), agent))
  await agent.close()
  process.exitCode = statuses.every((status) => status >= 200 && status < 300) ? 0 : 1
}

function readCount(text: string): number {
  if (/^[1-9][0-9]{0,5}$/.test(text)) return Number(text)
  throw new UsageError(`--count ${text} is no number of deliveries, write 1 to 999999`)
}

/** Each call makes one delivery; a replay is the same request twice. */
function makeRequests(options: Options): () => SignedRequest[] {
  if (!URL.canParse(options.url)) throw new UsageError(`${options.url} is no URL, write https://localhost:8443/path`)
  const sender = compileSender({
    preset: options.preset, secret: readSecret(options.secret), url: new URL(options.url),
    parameters: Object.fromEntries((options.set ?? []).map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])),
  })
  if ('mistake' in sender) throw new UsageError(sender.mistake)
  return () => {
    const id = `msg_${randomBytes(12).toString('hex')}`
    const signed = sender({
      method: 'POST', headers: (options.header ?? []).flatMap(splitHeader), body: readBody(options.data, id), at: systemWorld.clock.now(), id,
      tamper: options.tamper, keyId: options.keyId,
    })
    if ('mistake' in signed) throw new UsageError(signed.mistake)
    return options.tamper === 'replay' ? [signed, signed] : [signed]
  }
}

function splitHeader(line: string): [string, string] {
  const colon = line.indexOf(':')
  if (colon < 1) throw new UsageError(`--header ${JSON.stringify(line)} is no header, write 'Name: value'`)
  return [line.slice(0, colon), line.slice(colon + 1).trim()]
}

function readBody(data: string | undefined, id: string): Uint8Array {
  if (data === undefined) return Buffer.from(JSON.stringify({ hello: 'sallyport', id }))
  return readFileSync(data === '-' ? 0 : data)
}

function readSecret(reference: string): Uint8Array {
  const problems: string[] = []
  const files = new ConfigurationFiles(resolve('-'))
  const secret = resolveSecret(reference, [], (_, what, mend) => problems.push(`${what}, ${mend}`), files, systemWorld.environment)
  if (secret === undefined) throw new UsageError(`--secret: ${problems.join('; ')}`)
  return secret
}

function tlsOptions({ cert, key, ca }: Options) {
  return {
    ...(cert === undefined ? {} : { cert: readFileSync(cert) }), ...(key === undefined ? {} : { key: readFileSync(key) }),
    ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
  }
}

async function send({ method, target, rawHeaders, body }: SignedRequest, url: URL, dispatcher: Agent): Promise<number> {
  const headers = rawHeaders.filter((_, at) => (rawHeaders[at - (at % 2)] as string).toLowerCase() !== 'content-length')
  const response = await dispatcher.request({ origin: url.origin, path: target, method: method as 'POST', headers, body })
  const text = (await response.body.text()).trim()
  process.stdout.write(`${response.statusCode} ${text.slice(0, 500)}\n`)
  return response.statusCode
}
