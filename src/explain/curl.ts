import { Command } from 'commander'
import { latin1 } from './har.ts'
import type { Recorded, Unreadable } from './recorded.ts'
import { shellWords } from './shell-words.ts'

interface Flags {
  readonly request?: string
  readonly header: readonly string[]
  readonly user?: string
  readonly url?: string
}

/** One `-d` or one of its relatives. */
interface Data { readonly kind: 'plain' | 'raw' | 'json'; readonly text: string }

/** A `curl` command as people paste it. What a shell or a file would add (`@file`, `$(…)`) is not read. */
export function parseCurl(text: string): Recorded | Unreadable {
  const words = shellWords(text.trim().replace(/^\$ /, ''))
  if (!Array.isArray(words)) return words
  const data: Data[] = []
  const command = curlCommand(data)
  try {
    command.parse(words.slice(1), { from: 'user' })
  } catch (error) {
    return { unreadable: `this curl command is not understood: ${error instanceof Error ? error.message : String(error)}` }
  }
  const flags = command.opts<Flags>()
  return toRecorded(flags, data, flags.url ?? command.args[0] ?? '')
}

const dataFlags = [
  ['-d, --data <text>', 'plain'], ['--data-ascii <text>', 'plain'], ['--data-raw <text>', 'raw'], ['--data-binary <text>', 'raw'], ['--json <text>', 'json'],
] as const

/** They change nothing about the request. */
const others = [
  '-i, --include', '-s, --silent', '-S, --show-error', '-v, --verbose', '-k, --insecure', '-L, --location', '-f, --fail', '--compressed', '--http1.1',
  '--cacert <f>', '-E, --cert <f>', '--key <f>', '-o, --output <f>', '-m, --max-time <s>', '-w, --write-out <f>',
]

function curlCommand(data: Data[]): Command {
  const command = new Command('curl').exitOverride().configureOutput({ writeErr: () => {} }).argument('[url]')
    .option('-X, --request <method>').option('-u, --user <pair>').option('--url <url>')
    .option('-H, --header <line>', '', (line: string, lines: string[]) => [...lines, line], [])
  for (const [flag, kind] of dataFlags) command.option(flag, '', (text: string) => void data.push({ kind, text }))
  for (const flag of others) command.option(flag)
  return command
}

function toRecorded({ request, header, user }: Flags, data: readonly Data[], url: string): Recorded | Unreadable {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined) return { unreadable: `the curl command names no whole URL: ${JSON.stringify(url)}` }
  const file = data.find(({ text }) => text.startsWith('@'))
  if (file !== undefined) return { unreadable: `the body stands in a file (${file.text}): write it into the command, or give the raw request` }
  const body = Buffer.from(data.map(plainData).join('&'), 'utf8')
  const headers = header.flatMap((line) => [line.slice(0, line.indexOf(':')), latin1(line.slice(line.indexOf(':') + 1).trim())])
  const has = (name: string) => headers.some((one, at) => at % 2 === 0 && one.toLowerCase() === name)
  const json = data.some(({ kind }) => kind === 'json')
  const own = [
    ...(has('host') ? [] : ['Host', parsed.host]),
    ...(user === undefined || has('authorization') ? [] : ['Authorization', `Basic ${Buffer.from(user).toString('base64')}`]),
    ...(data.length === 0 || has('content-type') ? [] : ['Content-Type', json ? 'application/json' : 'application/x-www-form-urlencoded']),
    ...(data.length === 0 ? [] : ['Content-Length', String(body.length)]),
  ]
  const method = request ?? (data.length > 0 ? 'POST' : 'GET')
  return { method, target: parsed.pathname + parsed.search, version: '1.1', rawHeaders: [...own, ...headers], body, notes: [] }
}

/** `-d` takes line ends out, as curl does. */
function plainData({ kind, text }: Data): string {
  return kind === 'plain' ? text.replace(/[\r\n]/g, '') : text
}
