import { createHmac, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { dirname, relative, resolve } from 'node:path'
import { readConfiguration } from '../config/compile.ts'
import { createServer } from '../node-http.ts'
import { ensureDevelopmentCertificates } from './certs.ts'

/** The example of `npm start`: certificates, a shared secret and a receiver for `config/sallyport.yaml`. */
export interface Example {
  /** Prints a command that gets 200 the first time and 409 the second. */
  readonly say: (port: number) => void
  readonly stop: () => Promise<void>
}

export async function startExample(config: string): Promise<Example> {
  const certs = resolve(dirname(config), '../certs')
  mkdirSync(certs, { recursive: true })
  await ensureDevelopmentCertificates(certs)
  const secret = ensureSecret(resolve(certs, 'example.secret'))
  const receiver = await startReceiver(receiverPort(config))
  return {
    say: (port) => { process.stdout.write(invitation(certs, secret, port)) },
    stop: () => new Promise((done) => {
      receiver.close(() => done())
      receiver.closeAllConnections()
    }),
  }
}

function ensureSecret(file: string): string {
  if (!existsSync(file)) writeFileSync(file, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 })
  return readFileSync(file, 'utf8').trimEnd()
}

/** Where the configuration expects the receiver `example`. */
function receiverPort(config: string): number {
  const { receivers } = readConfiguration(config).loaded.settings
  return Number(new URL(receivers['example']?.url[0] ?? 'http://127.0.0.1:9000').port)
}

/** Takes everything and says so: 200 with the delivery's id. */
function startReceiver(port: number): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(`${JSON.stringify({ received: request.headers['sallyport-delivery'] })}\n`)
    })
  })
  return new Promise((done, failed) => {
    server.once('error', failed)
    server.listen(port, '127.0.0.1', () => done(server))
  })
}

function invitation(certs: string, secret: string, port: number): string {
  const body = JSON.stringify({ hello: 'sallyport', event: randomBytes(6).toString('hex') })
  const signature = createHmac('sha256', secret).update(body).digest('hex')
  const at = (name: string): string => relative('.', resolve(certs, name))
  return `
Try this; it gets 200. The same again gets 409, and without certificate or signature it gets 403 or 401:

  curl -i --cacert ${at('ca.pem')} --cert ${at('sender.pem')} --key ${at('sender.key')} \\
    -H 'Content-Type: application/json' -H 'X-Hub-Signature-256: sha256=${signature}' \\
    -d '${body}' https://localhost:${port}/example

`
}
