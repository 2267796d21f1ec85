import { Command } from 'commander'
import { latin1 } from './har.ts'
import type { Recorded, Unreadable } from './recorded.ts'
import { shellWords } from './shell-words.ts'

interface Flags {
  readonly request?: string
  readonly header: readonly string[]
  readonly user?: string
  readonly url?: string
  readonly get?: true
}

/** One `-d` or one of its relatives. */
interface Data { readonly kind: DataKind; readonly text: string }
type DataKind = 'plain' | 'raw' | 'binary' | 'json' | 'escaped'

/** Reads a file that the command names; throws where it cannot be read. `-` is what curl would read from its standard input. */
export type ReadFile = (name: string) => Uint8Array

/**
 * A `curl` command as people paste it, with the files that it names (`--data-binary @body.json`, `-H @headers.txt`) read by `readFile`. What
 * a shell would expand (`$(…)`, `$NAME`) is not.
 */
export function parseCurl(text: string, readFile: ReadFile): Recorded | Unreadable {
  const words = shellWords(text.trim().replace(/^\$ /, ''))
  if (!Array.isArray(words)) return words
  const data: Data[] = []
  const command = curlCommand(data)
  try {
    command.parse(words.slice(1), { from: 'user' })
    const flags = command.opts<Flags>()
    return toRecorded(flags, data, flags.url ?? command.args[0] ?? '', readFile)
  } catch (error) {
    return { unreadable: `this curl command is not understood: ${error instanceof Error ? error.message : String(error)}` }
  }
}

const dataFlags = [
  ['-d, --data <text>', 'plain'], ['--data-ascii <text>', 'plain'], ['--data-raw <text>', 'raw'], ['--data-binary <text>', 'binary'], ['--data-urlencode <text>', 'escaped'],
  ['--json <text>', 'json'],
] as const

/** They change nothing about the request. */
const others = [
  '-i, --include', '-s, --silent', '-S, --show-error', '-v, --verbose', '-k, --insecure', '-L, --location', '-f, --fail', '--compressed', '--http1.1',
  '--cacert <f>', '-E, --cert <f>', '--key <f>', '-o, --output <f>', '-m, --max-time <s>', '-w, --write-out <f>',
]

function curlCommand(data: Data[]): Command {
  const command = new Command('curl').exitOverride().configureOutput({ writeErr: () => {} }).argument('[url]')
    .option('-X, --request <method>').option('-u, --user <pair>').option('--url <url>').option('-G, --get')
    .option('-H, --header <line>', '', (line: string, lines: string[]) => [...lines, line], [])
  for (const [flag, kind] of dataFlags) command.option(flag, '', (text: string) => void data.push({ kind, text }))
  for (const flag of others) command.option(flag)
  return command
}

function toRecorded({ request, header, user, get }: Flags, data: readonly Data[], url: string, readFile: ReadFile): Recorded | Unreadable {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined) return { unreadable: `the curl command names no whole URL: ${JSON.stringify(url)}` }
  const bytes = joinData(data, readFile)
  const inQuery = get === true && data.length > 0
  const search = inQuery ? `${parsed.search === '' ? '?' : `${parsed.search}&`}${bytes.toString('latin1')}` : parsed.search
  const sent = data.length > 0 && !inQuery
  const lines = header.flatMap((line) => headerLines(line, readFile))
  const headers = lines.flatMap((line) => [line.slice(0, line.indexOf(':')), latin1(line.slice(line.indexOf(':') + 1).trim())])
  const has = (name: string) => headers.some((one, at) => at % 2 === 0 && one.toLowerCase() === name)
  const json = data.some(({ kind }) => kind === 'json')
  const own = [
    ...(has('host') ? [] : ['Host', parsed.host]),
    ...(user === undefined || has('authorization') ? [] : ['Authorization', `Basic ${Buffer.from(user).toString('base64')}`]),
    ...(!sent || has('content-type') ? [] : ['Content-Type', json ? 'application/json' : 'application/x-www-form-urlencoded']),
    ...(!json || has('accept') ? [] : ['Accept', 'application/json']),
    ...(sent ? ['Content-Length', String(bytes.length)] : []),
  ]
  const method = request ?? (sent ? 'POST' : 'GET')
  return { method, target: parsed.pathname + search, version: '1.1', rawHeaders: [...own, ...headers], body: sent ? bytes : Buffer.alloc(0), notes: [] }
}

/** `-H @file` holds one header a line. */
function headerLines(line: string, readFile: ReadFile): readonly string[] {
  if (!line.startsWith('@')) return [line]
  return Buffer.from(readFile(line.slice(1))).toString('utf8').split(/\r?\n/).filter((one) => one.includes(':'))
}

/** Several are joined by `&`; several `--json` by nothing (curl(1)). */
function joinData(data: readonly Data[], readFile: ReadFile): Buffer {
  return Buffer.concat(data.flatMap((one, at) => {
    const joint = at > 0 && one.kind !== 'json' ? [Buffer.from('&')] : []
    return [...joint, dataBytes(one, readFile)]
  }))
}

/** `-d` takes line ends out of a file, and nothing out of a text; `--data-raw` knows no files; the others take them as they are. */
function dataBytes({ kind, text }: Data, readFile: ReadFile): Buffer {
  if (kind === 'escaped') return escaped(text, readFile)
  if (kind === 'raw' || !text.startsWith('@')) return Buffer.from(text, 'utf8')
  const bytes = Buffer.from(readFile(text.slice(1)))
  return kind === 'plain' ? Buffer.from(bytes.filter((byte) => byte !== 0x0a && byte !== 0x0d && byte !== 0)) : bytes
}

/** `content`, `=content`, `name=content`, `@file` and `name@file`: what stands behind is escaped. */
function escaped(text: string, readFile: ReadFile): Buffer {
  const mark = /[=@]/.exec(text)
  if (mark === null) return Buffer.from(encodeURIComponent(text))
  const [name, rest] = [text.slice(0, mark.index), text.slice(mark.index + 1)]
  const content = mark[0] === '@' ? Buffer.from(readFile(rest)).toString('utf8') : rest
  return Buffer.from(`${name}${name === '' ? '' : '='}${encodeURIComponent(content)}`)
}
