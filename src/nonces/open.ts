import type { NonceStore } from '../core/nonce.ts'
export function openStore(_url: string, _tools: unknown): Promise<NonceStore> {
  return Promise.resolve({ claim: () => { throw new Error('stub') }, close: () => Promise.resolve() })
}
