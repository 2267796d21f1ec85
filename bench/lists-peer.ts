import { createReadStream, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSecureContext } from 'node:tls'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { startReceiver } from './receiver.ts'
import { makeRequest, sendOnce } from './sender.ts'

/**
 * Whoever stands around the gateway of `bench/lists.ts`, on a thread of their own, so that the event loop that is watched
 * is the gateway's alone: sender, receiver, and who publishes the list.
 */
export interface Peer {
  readonly receiver: number
  /** Where the file is published. */
  readonly url: string
  /** So many deliveries, each over a connection of its own: the statuses. */
  readonly deliver: (port: number, count: number) => Promise<readonly number[]>
  readonly close: () => Promise<unknown>
}

export interface PeerFiles { readonly list: string; readonly ca: string; readonly sender: string; readonly senderKey: string }
interface Order { readonly port: number; readonly count: number }
type Said = { readonly receiver: number; readonly url: string } | { readonly statuses: readonly number[] }

export async function startPeer(files: PeerFiles): Promise<Peer> {
  const worker = new Worker(new URL(import.meta.url), { workerData: files })
  const said = (): Promise<Said> => new Promise((resolve) => { worker.once('message', resolve) })
  const ready = await said()
  if (!('url' in ready)) throw new Error('the peer did not start')
  return {
    ...ready, close: () => worker.terminate(),
    deliver: async (port, count) => {
      worker.postMessage({ port, count } satisfies Order)
      const answer = await said()
      return 'statuses' in answer ? answer.statuses : []
    },
  }
}

async function stand({ list, ca, sender, senderKey }: PeerFiles): Promise<void> {
  const publisher = createServer((_, response) => void createReadStream(list).pipe(response))
  const receiver = await startReceiver()
  const context = createSecureContext({ ca: readFileSync(ca), cert: readFileSync(sender), key: readFileSync(senderKey) })
  await new Promise<void>((listening) => { publisher.listen(0, '127.0.0.1', listening) })
  parentPort?.on('message', ({ port, count }: Order) => void deliver(port, count))
  const deliver = async (port: number, count: number): Promise<void> => {
    const statuses: number[] = []
    while (statuses.length < count) statuses.push(await sendOnce({ port, context }, makeRequest('close')))
    parentPort?.postMessage({ statuses } satisfies Said)
  }
  parentPort?.postMessage({ receiver: receiver.port, url: `http://127.0.0.1:${(publisher.address() as AddressInfo).port}/list.crl` } satisfies Said)
}

if (!isMainThread && workerData !== null) await stand(workerData as PeerFiles)
