import { connect, type Socket } from 'node:net'
import { StoreUnavailable, type Claim, type Claimed, type Found, type Nonce, type NonceStore, type Outcome } from '../core/nonce.ts'
import type { Clock } from '../core/ports.ts'
import type { Milliseconds } from '../core/units.ts'
import { FrameWriter, readFrames, readReply, replyBytes, writeRequest, type Reply, type Request } from './shared-protocol.ts'

/** The most that an answer of the owner may take: it has nothing else to do. */
const patience: Milliseconds = 1_000
/** How long to wait before looking for the owner again. */
const pause: Milliseconds = 100

/**
 * The store that another process of this machine serves at this path. Where the owner is gone or silent: `StoreUnavailable`
 * at once; it is looked for until it is back. Resolves when the owner was reached, or was looked for in vain once.
 */
export async function connectStore(path: string, clock: Clock): Promise<NonceStore> {
  const store = new WorkerStore(path, clock)
  await store.reach()
  return store
}

class WorkerStore implements NonceStore {
  readonly #path: string
  readonly #clock: Clock
  #line: Line | undefined
  #isClosed = false
  #open = 0
  #whenSettled: (() => void) | undefined

  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#clock = clock
  }

  reach(): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect(this.#path)
      socket.once('connect', () => {
        this.#line = new Line(socket, this.#clock)
        resolve()
      })
      // Nobody is there, or no longer: the close that follows looks again.
      socket.on('error', () => undefined)
      socket.once('close', () => {
        this.#line?.breakOff()
        this.#line = undefined
        resolve()
        if (!this.#isClosed) this.#clock.after(pause, () => { if (!this.#isClosed) void this.reach() })
      })
    })
  }

  async claim(nonce: Nonce, lease: Milliseconds): Promise<Claimed> {
    const line = this.#reached()
    const claim = line.nextClaim()
    const { answer, status } = await line.ask({ ask: 'claim', claim, nonce, lease })
    if (answer === 'in-flight') return { state: answer }
    if (answer === 'same' || answer === 'other') return { state: 'committed', status, material: answer }
    this.#open++
    return this.#held(line, claim)
  }

  async find(nonce: Nonce): Promise<Found> {
    const line = this.#reached()
    const { answer, status } = await line.ask({ ask: 'find', claim: line.nextClaim(), nonce })
    return answer === 'same' || answer === 'other' ? { state: 'committed', status, material: answer } : { state: 'unknown' }
  }

  #reached(): Line {
    if (this.#isClosed || this.#line === undefined) throw new StoreUnavailable('the process that has the nonces is not there')
    return this.#line
  }

  /** Nothing new is claimed; what is claimed may still be settled. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#open > 0) await new Promise<void>((resolve) => { this.#whenSettled = resolve })
    this.#line?.hangUp()
  }

  #held(line: Line, claim: number): Claim {
    let isSettled = false
    const settle = async (request: Request): Promise<boolean> => {
      if (isSettled) return false
      isSettled = true
      try {
        return (await line.ask(request)).answer === 'yes'
      } finally {
        if (--this.#open === 0) this.#whenSettled?.()
      }
    }
    return {
      state: 'claimed',
      commit: (outcome: Outcome) => settle({ ask: 'commit', claim, outcome }),
      release: () => settle({ ask: 'release', claim }),
    }
  }
}

interface Waiting { readonly resolve: (reply: Reply) => void; readonly reject: (error: Error) => void; readonly since: Milliseconds }

/** One connection to the owner. A claim can be settled only on the line on which it was made. */
class Line {
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #writer: FrameWriter
  readonly #waiting = new Map<number, Waiting>()
  #claims = 0
  #isWatched = false
  #isBroken = false

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket
    this.#clock = clock
    this.#writer = new FrameWriter(socket)
    readFrames(socket, replyBytes, (frame) => this.#take(readReply(frame)))
  }

  nextClaim(): number {
    this.#claims = (this.#claims + 1) >>> 0
    return this.#claims
  }

  /** One question at a time for one claim. */
  ask(request: Request): Promise<Reply> {
    if (this.#isBroken) return Promise.reject(gone())
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.claim, { resolve, reject, since: this.#clock.monotonic() })
      this.#writer.write(writeRequest(request))
      this.#watch()
    })
  }

  breakOff(): void {
    this.#isBroken = true
    for (const { reject } of this.#waiting.values()) reject(gone())
    this.#waiting.clear()
  }

  hangUp(): void {
    this.#socket.end()
  }

  #take(reply: Reply): void {
    const waiting = this.#waiting.get(reply.claim)
    this.#waiting.delete(reply.claim)
    if (reply.answer === 'unavailable') waiting?.reject(new StoreUnavailable('the process that has the nonces cannot know'))
    else waiting?.resolve(reply)
  }

  /** An owner that is silent for too long is as good as gone. */
  #watch(): void {
    if (this.#isWatched) return
    this.#isWatched = true
    this.#clock.after(patience, () => {
      this.#isWatched = false
      const [oldest] = this.#waiting.values()
      if (oldest === undefined) return
      if (this.#clock.monotonic() - oldest.since >= patience) this.#socket.destroy()
      else this.#watch()
    })
  }
}

function gone(): StoreUnavailable {
  return new StoreUnavailable('the process that has the nonces is gone')
}
