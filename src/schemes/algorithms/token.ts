import type { SecretAlgorithm } from './algorithm.ts'

/** The sender shows the secret itself. Proves that it knows it, and nothing about the body. */
export const token: SecretAlgorithm = {
  name: 'token',
  keys: 'secret',
  length: undefined,
  digest: (_, key, encoding) => key.export().toString(encoding),
}
