import { join } from 'node:path'
import type { Test } from 'tap'
import type { Claim, NonceStore } from '../../src/core/nonce.ts'
import { shareDirectory } from '../../src/nonces/file.ts'
import type { SharedStoreTools } from '../../src/nonces/shared.ts'
import { nonceOf } from '../contracts/store.ts'

export interface Taken { readonly directory: string; readonly run: string; readonly end: () => Promise<void> }

/** A directory of the test, taken for several workers, by another run of the gateway each time. */
export async function taken(t: Test, world: Pick<SharedStoreTools, 'clock' | 'random'>, directory = join(t.testdir(), 'nonces')): Promise<Taken> {
  const { run, close } = await shareDirectory(directory, world)
  t.teardown(close)
  return { directory, run, end: close }
}

export async function take(store: NonceStore, id: string, lease = 1_000): Promise<Claim> {
  const claim = await store.claim(nonceOf(id), lease)
  if (claim.state !== 'claimed') throw new Error(`${id} is ${claim.state}`)
  return claim
}

export async function stateOf(store: NonceStore, id: string): Promise<string> {
  const claim = await store.claim(nonceOf(id), 1)
  if (claim.state === 'claimed') await claim.release()
  return claim.state
}
