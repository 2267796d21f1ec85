import type { Clock } from './core/ports.ts'
import type { Outbound, ReceiverPlan } from './core/receiver.ts'
import type { Milliseconds } from './core/units.ts'
import type { Streamed } from './forward/streamed-reply.ts'
import { upgradeDelivery } from './forward/upgrade.ts'
import type { SenderConnection } from './listen/connection.ts'
import { replyStream, requestStream } from './listen/node-streams.ts'
import type { Turn } from './listen/turn.ts'

export interface Passing {
  readonly turn: Turn
  readonly connection: SenderConnection
  /** The protocol that the sender wants in place of HTTP; undefined: none. */
  readonly protocol: string | undefined
  readonly to: ReceiverPlan
  readonly outbound: Outbound
  readonly replyHeaders: readonly string[]
  readonly clock: Clock
  /** How long nothing may be said in another protocol. */
  readonly idle: Milliseconds
}

/** A decided delivery of a route that holds no body: streamed both ways, or another protocol in place of HTTP. */
export async function passThrough({ turn, connection, protocol, idle, ...rest }: Passing): Promise<Streamed> {
  const streaming = { ...rest, reply: turn.reply, response: replyStream(turn) }
  if (protocol === undefined) {
    // Read when the first streaming route is asked: most gateways have none, and http-proxy is large.
    const { streamDelivery } = await import('./forward/stream.ts')
    return await streamDelivery({ ...streaming, request: requestStream(turn, connection.socket), framing: turn.framing })
  }
  // Whatever the answer is, what the sender writes behind this is no HTTP.
  turn.forfeit()
  return await upgradeDelivery({
    ...streaming, protocol, sender: connection.socket, idle,
    release: () => connection.release(), opened: (cutOff) => connection.handOver(cutOff),
  })
}
