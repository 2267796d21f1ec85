import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { linkSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Ca, Identity } from './pki.ts'
import { freePort } from './ports.ts'

interface Test { readonly teardown: (run: () => unknown) => unknown }

/** `openssl ocsp` as a responder for one authority: a process of its own, on real time. */
export interface Responder {
  readonly url: string
  /** Holds once it resolves. A certificate that is not named is unknown. */
  readonly say: (statuses: readonly (readonly ['good' | 'revoked', Pick<Identity, 'serial'>])[]) => Promise<void>
}

export interface ResponderOptions {
  /** Who signs; left out: the authority itself. */
  readonly signer?: Pick<Identity, 'certificate' | 'key'>
  /** `-nmin 5` unless told: until when an answer holds. */
  readonly args?: readonly string[]
  readonly statuses?: Parameters<Responder['say']>[0]
}

/** About a certificate that nobody knows: RFC 6960 4.1.1 with zeros for hashes. */
const anyQuestion = Buffer.from(`30423040303e303c303a300906052b0e03021a05000414${'00'.repeat(20)}0414${'00'.repeat(20)}020101`, 'hex')

export async function startResponder(t: Test, ca: Pick<Ca, 'certificate' | 'key'>, { signer = ca, args = ['-nmin', '5'], statuses = [] }: ResponderOptions = {}): Promise<Responder> {
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-ocsp-'))
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, `${name}.part`), text)
    renameSync(join(directory, `${name}.part`), join(directory, name))
    return join(directory, name)
  }
  const url = `http://127.0.0.1:${port}/`
  let nth = 0
  const put = (all: Parameters<Responder['say']>[0]): void => {
    const text = all.map(([status, one]) => `${status === 'good' ? 'V\t351231000000Z\t' : 'R\t351231000000Z\t261101000000Z,keyCompromise'}\t${one.serial.toUpperCase()}\tunknown\t/CN=${one.serial}\n`).join('')
    // It knows an index by inode and second. Each stays under a name of its own, so that no inode is given away again.
    linkSync(file(`index.${++nth}`, text), join(directory, 'next'))
    renameSync(join(directory, 'next'), join(directory, 'index'))
  }
  put(statuses)
  const words = ['ocsp', '-port', String(port), '-index', join(directory, 'index'), '-CA', file('ca.pem', ca.certificate), '-rsigner', file('signer.pem', signer.certificate), '-rkey', file('signer.key', signer.key), ...args]
  const child = spawn('openssl', words, { stdio: ['ignore', 'pipe', 'ignore'] })
  t.teardown(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    rmSync(directory, { recursive: true, force: true })
  })
  await new Promise<void>((ready) => {
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => { if ((said += text).includes('ACCEPT')) ready() })
  })
  const say: Responder['say'] = async (all) => {
    put(all)
    // It looks for a new index when it is through with a question, not when the next one comes.
    await askResponder(url, anyQuestion)
  }
  return { url, say }
}

/** A responder that answers as a test says, and counts its questions. */
export interface OddResponder {
  readonly url: string
  /** The questions that came, DER. */
  readonly asked: Buffer[]
}

export async function startOddResponder(t: Test, answer: (question: Buffer, response: ServerResponse, nth: number) => void): Promise<OddResponder> {
  const asked: Buffer[] = []
  const server = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      asked.push(Buffer.concat(chunks))
      answer(Buffer.concat(chunks), response, asked.length)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/ocsp`, asked }
}

/** Asks a real responder: the bytes of its answer. */
export async function askResponder(url: string, question: Uint8Array): Promise<Buffer> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/ocsp-request' }, body: question })
  return Buffer.from(await response.arrayBuffer())
}

/** A relay in front of a real responder, which counts. */
export async function startRelay(t: Test, to: string): Promise<OddResponder> {
  return await startOddResponder(t, (question, response) => void askResponder(to, question).then((bytes) => response.end(bytes)))
}
