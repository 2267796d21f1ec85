import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { StoreUnavailable, type Claim, type NonceStore } from '../core/nonce.ts'
import { answerOf, FrameWriter, readFrames, readRequest, requestBytes, writeReply, type Reply, type Request } from './shared-protocol.ts'

/** The door through which workers reach the store of this process. */
export interface ServedStore {
  /** Lets the workers go. The store itself stays open. */
  readonly close: () => Promise<void>
}

/**
 * Serves a store to the other processes of this machine at this path, which only this user may reach. What a worker that
 * died had claimed lapses with its lease: its deliveries may be with the receiver yet.
 */
export function serveStore(store: NonceStore, path: string): Promise<ServedStore> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // It hung up or was killed; the close that follows is all there is to know.
    socket.on('error', () => undefined)
    serve(socket, store)
  })
  const close = (): Promise<void> => new Promise((resolve) => {
    server.close(() => resolve())
    for (const socket of sockets) socket.destroy()
  })
  rmSync(path, { force: true })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      chmodSync(path, 0o600)
      server.unref()
      resolve({ close })
    })
  })
}

function serve(socket: Socket, store: NonceStore): void {
  const claims = new Map<number, Claim>()
  const writer = new FrameWriter(socket)
  const reply = (claim: number, { answer, status }: Pick<Reply, 'answer' | 'status'>): void => {
    writer.write(writeReply({ claim, answer, status }))
  }
  readFrames(socket, requestBytes, (frame) => {
    const request = readRequest(frame)
    try {
      const done = handle(request, store, claims)
      if (!(done instanceof Promise)) return reply(request.claim, done)
      done.then((answer) => reply(request.claim, answer), (error: unknown) => reply(request.claim, unavailable(error)))
    } catch (error) {
      reply(request.claim, unavailable(error))
    }
  })
}

type Done = Pick<Reply, 'answer' | 'status'>
const yes: Done = { answer: 'yes', status: 0 }
const no: Done = { answer: 'no', status: 0 }

function handle(request: Request, store: NonceStore, claims: Map<number, Claim>): Done | Promise<Done> {
  if (request.ask === 'claim' || request.ask === 'find') {
    // The frame is gone when this returns, and the nonce is needed until the commit.
    const { key, print, passesUntil } = request.nonce
    const nonce = { key: Uint8Array.from(key), print: Uint8Array.from(print), passesUntil }
    if (request.ask === 'find') return after(store.find(nonce), answerOf)
    return after(store.claim(nonce, request.lease), (claimed) => {
      if (claimed.state === 'claimed') claims.set(request.claim, claimed)
      return answerOf(claimed)
    })
  }
  const claim = claims.get(request.claim)
  if (claim === undefined) throw new StoreUnavailable('nothing is claimed under this number')
  claims.delete(request.claim)
  return after(request.ask === 'commit' ? claim.commit(request.outcome) : claim.release(), (done) => (done ? yes : no))
}

function after<T>(value: T | Promise<T>, then: (value: T) => Done): Done | Promise<Done> {
  return value instanceof Promise ? value.then(then) : then(value)
}

/** Whatever keeps the owner from answering: the worker cannot know, and says so to its sender. */
function unavailable(_error: unknown): Done {
  return { answer: 'unavailable', status: 0 }
}
