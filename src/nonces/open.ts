import type { NonceStore } from '../core/nonce.ts'
import type { Problem } from '../core/plan.ts'
import type { Clock, Random } from '../core/ports.ts'
import { fileStore } from './file.ts'
import { memoryStore } from './memory.ts'
import { StoreMistake } from './mistake.ts'

/** What a store needs from outside. */
export interface StoreTools {
  readonly clock: Clock
  readonly random: Random
}

/** A store, or what the operator has to mend. */
export type OpenedStore = { readonly store: NonceStore } | { readonly problem: Problem }

/** `memory:` or `file:/absolute/path` → the store. Rejects only for bugs and a failing world. */
export async function openStore(url: string, tools: StoreTools): Promise<OpenedStore> {
  try {
    return { store: await open(url, tools) }
  } catch (error) {
    const mistake = mistakeIn(error)
    if (mistake === undefined) throw error
    return { problem: { path: ['replay', 'store'], what: mistake.message, mend: mistake.mend } }
  }
}

/** What the file system refuses is the operator's to mend, too. */
function mistakeIn(error: unknown): StoreMistake | undefined {
  if (error instanceof StoreMistake) return error
  if (!(error instanceof Error) || !('syscall' in error)) return undefined
  return new StoreMistake(`the store cannot be opened: ${error.message}`, 'let this process read and write there')
}

function open(url: string, tools: StoreTools): NonceStore | Promise<NonceStore> {
  if (url === 'memory:') return memoryStore(tools.clock)
  if (url.startsWith('file:/')) return fileStore(url.slice('file:'.length), tools)
  throw new StoreMistake(`${JSON.stringify(url)} is no store of nonces`, 'write `memory:` or `file:PATH`')
}
