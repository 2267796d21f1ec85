import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'

/** A whole HTTP response, read strictly. */
export interface RawResponse {
  readonly status: number
  /** `HTTP/1.1 200 OK` */
  readonly line: string
  /** name, value, name, value … as written. */
  readonly headers: readonly string[]
  readonly body: Buffer
}

/** A client that sends bytes as they are and reads whole responses: nothing between the test and the wire. */
export class RawClient {
  readonly socket: Socket
  #pending: Buffer = Buffer.alloc(0)
  #ended: 'open' | 'end' | 'reset' = 'open'
  #wake: (() => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk) => {
      this.#pending = Buffer.concat([this.#pending, chunk])
      this.#rouse()
    })
    socket.on('end', () => this.#over('end'))
    socket.on('error', () => this.#over('reset'))
    socket.on('close', () => this.#over('end'))
  }

  send(bytes: string | Uint8Array): this {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    return this
  }

  /** The next response; 1xx ones count, too. `to: 'HEAD'` has no body. Rejects where the connection ends before it is whole. */
  async response({ to = 'POST' }: { readonly to?: string } = {}): Promise<RawResponse> {
    const head = await this.#head()
    const [line = '', ...lines] = head.split('\r\n')
    const headers = lines.flatMap((text) => [text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 1).trim()])
    const status = Number(line.split(' ')[1])
    return { status, line, headers, body: await this.#body(status, headers, to) }
  }

  /** Resolves once the peer closed (`end`) or broke (`reset`) the connection, with what came that was not read. */
  async ended(): Promise<{ readonly how: 'end' | 'reset'; readonly rest: Buffer }> {
    while (this.#ended === 'open') await this.#more()
    return { how: this.#ended, rest: this.#pending }
  }

  close(): void {
    this.socket.destroy()
  }

  async #head(): Promise<string> {
    for (;;) {
      const end = this.#pending.indexOf('\r\n\r\n')
      if (end !== -1) return this.#take(end + 4).subarray(0, end).toString('latin1')
      await this.#moreOrFail('a response')
    }
  }

  async #body(status: number, headers: readonly string[], method: string): Promise<Buffer> {
    if (status < 200 || status === 204 || status === 304 || method === 'HEAD') return Buffer.alloc(0)
    if (valueOf(headers, 'transfer-encoding') !== undefined) return await this.#chunks()
    const length = valueOf(headers, 'content-length')
    if (length !== undefined) return await this.#bytes(Number(length))
    await this.ended()
    return this.#take(this.#pending.length)
  }

  async #chunks(): Promise<Buffer> {
    const parts: Buffer[] = []
    for (;;) {
      const size = Number.parseInt(await this.#line(), 16)
      if (size === 0) break
      parts.push(await this.#bytes(size))
      await this.#line()
    }
    while (await this.#line() !== '') continue
    return Buffer.concat(parts)
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#pending.indexOf('\r\n')
      if (end !== -1) return this.#take(end + 2).subarray(0, end).toString('latin1')
      await this.#moreOrFail('a line')
    }
  }

  async #bytes(count: number): Promise<Buffer> {
    while (this.#pending.length < count) await this.#moreOrFail(`${count} bytes`)
    return this.#take(count)
  }

  #take(count: number): Buffer {
    const taken = this.#pending.subarray(0, count)
    this.#pending = this.#pending.subarray(count)
    return taken
  }

  async #moreOrFail(what: string): Promise<void> {
    if (this.#ended !== 'open') throw new Error(`${this.#ended} where ${what} should be; got ${JSON.stringify(this.#pending.toString('latin1'))}`)
    await this.#more()
  }

  #more(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve))
  }

  #over(how: 'end' | 'reset'): void {
    if (this.#ended === 'open') this.#ended = how
    this.#rouse()
  }

  #rouse(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}

/** The first value of this lower-case header name. */
export function valueOf(headers: readonly string[], name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) if (headers[at]?.toLowerCase() === name) return headers[at + 1]
  return undefined
}

/** Over TLS to 127.0.0.1; give `ca`, and `cert` and `key` where a certificate is to be shown. */
export async function rawTls(port: number, options: ConnectionOptions): Promise<RawClient> {
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', ...options })
  await opened(socket, 'secureConnect')
  return new RawClient(socket)
}

export async function rawTcp(port: number): Promise<RawClient> {
  const socket = connectTcp({ host: '127.0.0.1', port })
  await opened(socket, 'connect')
  return new RawClient(socket)
}

function opened(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once(event, () => {
      socket.off('error', reject)
      resolve()
    })
  })
}
