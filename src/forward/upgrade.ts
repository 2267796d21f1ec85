import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Cancel } from '../core/ports.ts'
import { request } from '../node-http.ts'
import { towardsSender } from './headers.ts'
import { StreamedReply, type Streamed, type Streaming } from './streamed-reply.ts'
import { Tunnel, type Cut, type TunnelRules } from './tunnel.ts'
import { behindAgent, waysTo, whenConnected, type Way } from './ways.ts'

/** A request to go on in another protocol (RFC 9110 §7.8) that its route lets through. */
export interface Upgrading extends Streaming, TunnelRules {
  /** The one protocol, in lower case: `websocket`. */
  readonly protocol: string
  /** The sender's connection. */
  readonly sender: Socket
  /** Leaves that connection to us, once, and gives what the sender wrote behind the head of its request already. */
  readonly release: () => Uint8Array
  /** Called once the two are joined, with the way to part them. */
  readonly opened: (cut: (why: Cut) => void) => void
}

/**
 * Asks the receiver to change protocols, and joins the two connections where it does. `Connection` and `Upgrade` are ours on both
 * sides; any answer but `101` is handed back as an ordinary one. `timeout` of the receiver holds until it has answered.
 * What the sender wrote ahead goes in behind the `101` only: where there is none it is not read as anything. Never rejects.
 */
export function upgradeDelivery(upgrading: Upgrading): Promise<Streamed> {
  return new Promise((resolve) => {
    const reply = new StreamedReply(upgrading, (end) => {
      cancel()
      resolve({ ...end, facts: {} })
    })
    const cancel = ask(upgrading, reply, (receiver, answer, first) => {
      cancel()
      reply.status = 101
      open(upgrading, { receiver, answer, first }, resolve)
    })
  })
}

type Opened = (receiver: Socket, answer: IncomingMessage, first: Uint8Array) => void

function ask(upgrading: Upgrading, reply: StreamedReply, opened: Opened): Cancel {
  const { to, clock, response } = upgrading
  let sent: ClientRequest | undefined
  const cancel = clock.after(to.timeout, () => {
    reply.silent = 'receiver'
    sent?.destroy()
  })
  response.once('close', () => {
    if (reply.status !== 0) return
    sent?.destroy()
    reply.gone()
  })
  askBy(waysTo(to, clock), { upgrading, reply, opened, begun: (request) => { sent = request } })
  return cancel
}

interface Asking { readonly upgrading: Upgrading; readonly reply: StreamedReply; readonly opened: Opened; readonly begun: (sent: ClientRequest) => void }

/** By the first of these URLs; by the next one where there is no connection to that one. */
function askBy(ways: readonly Way[], asking: Asking): void {
  const { upgrading: { response, outbound, protocol, clock, to }, reply } = asking
  const [{ fresh: agent, host, health }, others] = [ways[0] as Way, ways.slice(1)]
  const headers = [...outbound.headers, 'Host', host, 'Connection', 'Upgrade', 'Upgrade', protocol]
  const sent = request({ ...behindAgent, agent, method: 'GET', path: outbound.target, headers, setHost: false })
  let stage: 'connecting' | 'connected' | 'over' = 'connecting'
  reply.health = health
  reply.watch(sent)
  sent.on('response', (answer) => reply.answer(answer))
  sent.on('upgrade', (answer, receiver: Socket, first) => changed(asking, { receiver, answer, first }))
  const failed = (error: Error): void => {
    const was = stage
    stage = 'over'
    if (was === 'over') return
    if (was === 'connected' || others.length === 0 || reply.silent !== 'nobody' || response.destroyed) return reply.failed(error)
    reply.unwell()
    askBy(others, asking)
  }
  sent.on('error', failed)
  whenConnected(sent, agent, { clock, to }, { ready: () => { stage = 'connected' }, late: failed })
  asking.begun(sent)
  sent.end()
}

function changed({ upgrading: { sender, protocol }, reply, opened }: Asking, { receiver, answer, first }: Answered): void {
  receiver.on('error', () => receiver.destroy())
  if (changesTo(protocol, answer) && !sender.destroyed) {
    reply.health?.succeeded()
    return opened(receiver, answer, first)
  }
  receiver.destroy()
  if (sender.destroyed) return reply.gone()
  reply.fail('receiver-invalid', Object.assign(new Error('another protocol than was asked for'), { code: 'bad upgrade' }))
}

function changesTo(protocol: string, { statusCode, headers }: IncomingMessage): boolean {
  return statusCode === 101 && headers.upgrade?.toLowerCase() === protocol
}

interface Answered { readonly receiver: Socket; readonly answer: IncomingMessage; readonly first: Uint8Array }

function open(upgrading: Upgrading, { receiver, answer, first }: Answered, resolve: (streamed: Streamed) => void): void {
  const { sender, protocol, replyHeaders } = upgrading
  const ahead = upgrading.release()
  sender.write(head([...towardsSender(101, answer.rawHeaders), 'Connection', 'Upgrade', 'Upgrade', protocol, ...replyHeaders]), 'latin1')
  if (first.length > 0) receiver.unshift(first)
  if (ahead.length > 0) sender.unshift(ahead)
  const tunnel = Tunnel.join(sender, receiver, upgrading, ({ bytes, bytesBack, ended }) => {
    resolve({ status: 101, bytes, failure: undefined, facts: { protocol, bytesBack, ended } })
  })
  upgrading.opened((why) => tunnel.cut(why))
}

function head(lines: readonly string[]): string {
  const text = lines.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${lines[at + 1]}\r\n`] : []))
  return `HTTP/1.1 101 Switching Protocols\r\n${text.join('')}\r\n`
}
