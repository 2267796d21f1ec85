/**
 * The bare parts: what a delivery costs in `node:https` and `undici` with nothing between them but the certificate.
 * Started with: port, receiver's port, certificate, key, CA.
 */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { constants } from 'node:crypto'
import { Pool } from 'undici'

const [port, receiverPort, cert, key, ca] = process.argv.slice(2) as [string, string, string, string, string]
const receiver = new Pool(`http://127.0.0.1:${receiverPort}`, { connections: 256, pipelining: 1 })

const server = createServer({
  cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(ca), requestCert: true, rejectUnauthorized: true,
  secureOptions: constants.SSL_OP_NO_TICKET, noDelay: true,
}, (request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => forward(request, chunks.length === 1 ? chunks[0] as Buffer : Buffer.concat(chunks), response))
})
server.keepAliveTimeout = 60_000
server.listen(Number(port), '127.0.0.1', 4096)
process.on('SIGTERM', () => process.exit(0))

function forward(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
  const headers: string[] = []
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    const name = request.rawHeaders[at] as string
    if (!/^(host|connection|content-length)$/i.test(name)) headers.push(name, request.rawHeaders[at + 1] as string)
  }
  let status = 0
  const parts: Buffer[] = []
  receiver.dispatch({ method: 'POST', path: request.url as string, headers, body }, {
    onRequestStart: () => undefined,
    onResponseStart: (_controller, statusCode) => { status = statusCode },
    onResponseData: (_controller, chunk) => { parts.push(chunk) },
    onResponseEnd: () => {
      const whole = Buffer.concat(parts)
      response.writeHead(status, ['Content-Length', String(whole.length)])
      response.end(whole)
    },
    onResponseError: () => response.destroy(),
  })
}
