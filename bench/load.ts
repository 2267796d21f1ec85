import type { TLSSocket } from 'node:tls'
import { completeStatus, makeRequest, openConnection, sendOnce, type Door } from './sender.ts'

/** What came of a load. Latencies in milliseconds, from the first byte written (or the connection begun) to the last byte read. */
export interface LoadResult {
  readonly accepted: number
  readonly other: number
  readonly seconds: number
  readonly p50: number
  readonly p99: number
}

/** Requests are signed this many at a time, between the measured stretches, so that signing never slows the sending. */
const batch = 10_000

/** Sends `count` unique deliveries over `connections` connections that stay open. */
export async function keepAliveLoad(door: Door, count: number, connections: number): Promise<LoadResult> {
  const lanes = await Lanes.open(door, connections)
  try {
    return await lanes.send(count)
  } finally {
    lanes.close()
  }
}

/** Connections that stay open. To open them is no part of what they are used for, nor of what that costs. */
export class Lanes {
  readonly #lanes: readonly Lane[]

  private constructor(lanes: readonly Lane[]) {
    this.#lanes = lanes
  }

  static async open(door: Door, connections: number): Promise<Lanes> {
    const lanes = Array.from({ length: connections }, () => new Lane(door))
    await Promise.all(lanes.map((lane) => lane.opened))
    return new Lanes(lanes)
  }

  /** `count` unique deliveries, one at a time on each connection. */
  send(count: number): Promise<LoadResult> {
    return inBatches(count, (requests, tally) => Promise.all(this.#lanes.map(async (lane) => {
      for (let request = requests.pop(); request !== undefined; request = requests.pop()) await timed(tally, () => lane.send(request as Buffer))
    })), 'keep-alive')
  }

  close(): void {
    for (const lane of this.#lanes) lane.close()
  }
}

/** Sends `count` unique deliveries, each over a connection of its own, `atOnce` at a time. */
export function newConnectionLoad(door: Door, count: number, atOnce: number): Promise<LoadResult> {
  return inBatches(count, (requests, tally) => Promise.all(Array.from({ length: atOnce }, async () => {
    for (let request = requests.pop(); request !== undefined; request = requests.pop()) await timed(tally, () => sendOnce(door, request as Buffer))
  })), 'close')
}

interface Tally { accepted: number; other: number; readonly latencies: number[] }

async function timed(tally: Tally, send: () => Promise<number>): Promise<void> {
  const begun = performance.now()
  const status = await send()
  tally.latencies.push(performance.now() - begun)
  if (status === 200) tally.accepted += 1
  else tally.other += 1
}

async function inBatches(
  count: number, send: (requests: Buffer[], tally: Tally) => Promise<unknown>, manner: 'keep-alive' | 'close',
): Promise<LoadResult> {
  const tally: Tally = { accepted: 0, other: 0, latencies: [] }
  let seconds = 0
  for (let left = count; left > 0; left -= batch) {
    const requests = Array.from({ length: Math.min(left, batch) }, () => makeRequest(manner))
    const begun = performance.now()
    await send(requests, tally)
    seconds += (performance.now() - begun) / 1000
  }
  const sorted = tally.latencies.sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { accepted: tally.accepted, other: tally.other, seconds, p50: at(0.5), p99: at(0.99) }
}

/** A connection that stays open, carries one delivery at a time, and is opened anew where the gateway closed it. */
export class Lane {
  readonly #door: Door
  #socket: TLSSocket
  #text = ''
  #answer: ((status: number) => void) | undefined

  constructor(door: Door) {
    this.#door = door
    this.#socket = this.#open()
  }

  /** Resolves once it stands, or is gone: a gateway that sheds load drops new ones, and `send` tries anew. */
  get opened(): Promise<void> {
    return new Promise((resolve) => { this.#socket.once('secureConnect', () => resolve()).once('close', () => resolve()) })
  }

  /** Resolves to the status of the response; 0 where the connection broke before it was complete. */
  send(request: Buffer): Promise<number> {
    if (this.#socket.destroyed) this.#socket = this.#open()
    return new Promise((resolve) => {
      this.#answer = resolve
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #open(): TLSSocket {
    const socket = openConnection(this.#door)
    socket.on('data', (chunk) => this.#read(chunk.toString('latin1')))
    socket.on('end', () => socket.destroy())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#settle(0))
    return socket
  }

  #read(text: string): void {
    this.#text += text
    const status = completeStatus(this.#text)
    if (status !== undefined) this.#settle(status)
  }

  #settle(status: number): void {
    const answer = this.#answer
    this.#answer = undefined
    this.#text = ''
    answer?.(status)
  }
}
