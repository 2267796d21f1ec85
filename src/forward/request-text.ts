import type { Outbound } from '../core/receiver.ts'
import { isFieldLine } from '../http1/head.ts'

/**
 * The head of a request to a receiver, one character a byte; how it is framed is ours to say (RFC 9112 §6.2). Throws for a line that
 * cannot be written: none of ours, and none that a sender could write, is one.
 */
export function requestHead({ method, target, headers, body }: Outbound, host: string): string {
  let lines = ''
  for (let at = 0; at < headers.length; at += 2) {
    const [name, value] = [headers[at] as string, headers[at + 1] as string]
    if (!isFieldLine(name, value)) throw new Error(`this is no header line: ${JSON.stringify(name)}`)
    lines += `${name}: ${value}\r\n`
  }
  return `${method} ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n${lines}content-length: ${body.length}\r\n\r\n`
}

/** In one piece. */
export function withBody(head: string, body: Uint8Array): Buffer {
  const whole = Buffer.allocUnsafe(head.length + body.length)
  whole.write(head, 0, 'latin1')
  whole.set(body, head.length)
  return whole
}
