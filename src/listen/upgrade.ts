import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Headers } from '../core/headers.ts'
import type { Forward } from '../core/policy.ts'
import type { Clock } from '../core/ports.ts'
import type { Bytes, Milliseconds } from '../core/units.ts'
import type { Facts } from '../core/verdict.ts'

/**
 * Does this request ask to go on in another protocol (RFC 9110 §7.8), and may it? What follows such a request is no HTTP any
 * more: a gateway that lets it through unseen (`h2c`) is a tunnel around every check. One protocol, named once, with GET
 * and HTTP/1.1, on a route that says so; everything else is refused.
 */

export interface UpgradeRefused { readonly reason: 'upgrade-not-allowed'; readonly facts: Facts; readonly framing: 'sound' }

export interface Asking {
  readonly method: string
  readonly version: string
  /** Did the parser take it for one? */
  readonly isUpgrade?: boolean | undefined
}

export function upgradeFault({ method, version, isUpgrade }: Asking, headers: Headers, { upgrade }: Pick<Forward, 'upgrade'>): UpgradeRefused | undefined {
  const asked = protocolAsked(headers) ?? (isUpgrade === true ? 'unclear' : undefined)
  if (asked === undefined) return undefined
  if (upgrade.has(asked) && method === 'GET' && version === '1.1') return undefined
  return { reason: 'upgrade-not-allowed', facts: { asked }, framing: 'sound' }
}

/** In lower case; undefined where none is: an `Upgrade` that `Connection` does not name is another hop's, and is dropped like all of those. */
export function protocolAsked({ names, raw }: Headers): string | undefined {
  const at = names.indexOf('upgrade')
  if (at === -1 || !connectionNamesIt(names, raw)) return undefined
  const values = names.flatMap((name, where) => (name === 'upgrade' ? [raw[where * 2 + 1] as string] : []))
  return values.join(', ').toLowerCase()
}

function connectionNamesIt(names: readonly string[], raw: readonly string[]): boolean {
  return names.some((name, at) => name === 'connection' && (raw[at * 2 + 1] as string).toLowerCase().split(',').some((option) => option.trim() === 'upgrade'))
}

/** How long and how much we still take from a sender that was answered, so that it sees the answer and not a reset. */
const lingerTime: Milliseconds = 2_000
const lingerBytes: Bytes = 4 * 1024 * 1024

/**
 * The parser has let go of the connection of such a request, and with it Node of the answer: here is one. Whatever it is, the
 * connection ends with it, and what the sender wrote behind its request is never read as HTTP.
 */
export function responseOf(request: IncomingMessage, clock: Clock): ServerResponse {
  const { socket } = request
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  response.once('finish', () => {
    let left = lingerBytes
    const cancel = clock.after(lingerTime, () => socket.destroy())
    socket.once('close', cancel).on('data', (chunk: Uint8Array) => {
      left -= chunk.length
      if (left < 0) socket.destroy()
    })
    socket.end()
    socket.resume()
  })
  return response
}
