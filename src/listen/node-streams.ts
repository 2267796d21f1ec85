import type { IncomingMessage } from 'node:http'
import { Writable } from 'node:stream'
import { IncomingMessage as Message } from '../node-http.ts'
import type { Turn } from './turn.ts'

/** A turn's body in the form that libraries for Node's own HTTP server read, without its header lines. */
export function requestStream({ method, target, version, body }: Turn, socket: IncomingMessage['socket']): IncomingMessage {
  const request = new Message(socket)
  Object.assign(request, { method, url: target, httpVersion: version })
  let flows = false
  request._read = () => {
    if (flows) return body.resume()
    flows = true
    body.flowTo({
      data: (part) => { if (!request.push(part)) body.pause() },
      end: () => {
        request.complete = true
        request.push(null)
      },
      broken: () => void request.destroy(Object.assign(new Error('the sender broke off'), { code: 'ECONNRESET' })),
    })
  }
  return request
}

/** The answer as a stream; its head is written to the reply itself. */
export function replyStream({ reply }: Turn): Writable {
  const stream = new Writable({
    write: (chunk: Uint8Array, _encoding, done) => {
      if (reply.isGone) done(new Error('the sender is gone'))
      else if (reply.write(chunk)) done()
      else reply.onDrain(() => done())
    },
    final: (done) => {
      reply.end()
      // A short one leaves a little later; a stream that is done before would break it off.
      reply.whenOver(() => done())
    },
    destroy: (error, done) => {
      if (!reply.isGone) reply.abort()
      done(error)
    },
  })
  reply.whenOver(() => { if (!stream.writableEnded) stream.destroy() })
  return stream
}
