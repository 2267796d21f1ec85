import type { Algorithm } from './algorithm.ts'
import { sameBytes } from '../compare.ts'

/** The sender shows the secret itself. Proves that it knows it, and nothing about the body. */
export const token: Algorithm = {
  name: 'token',
  keys: 'secret',
  length: undefined,
  unfit: () => undefined,
  proves: (_, key, candidates) => {
    const secret = key.export()
    return candidates.some((candidate) => sameBytes(candidate, secret))
  },
  sign: (_, key) => key.export(),
}
