import { constants, createSign, createVerify, type KeyObject } from 'node:crypto'
import { withoutSecret, type PublicAlgorithm } from './algorithm.ts'

const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST } = constants

const pkcs1 = ['sha1', 'sha256', 'sha384', 'sha512'].map((hash) => row(`rsa-${hash}`, hash, { padding: RSA_PKCS1_PADDING }))

/** With a salt as long as the digest, as RFC 9421 and JWA ask. */
const pss = ['sha256', 'sha384', 'sha512'].map((hash) => row(
  `rsa-pss-${hash}`, hash, { padding: RSA_PKCS1_PSS_PADDING, saltLength: RSA_PSS_SALTLEN_DIGEST },
))

/** RSA (RFC 8017): PKCS #1 v1.5 and PSS. OpenSSL judges; lenient padding was other libraries' flaw (CVE-2022-24771). */
export const rsas: readonly PublicAlgorithm[] = [...pkcs1, ...pss]

interface Padding { readonly padding: number; readonly saltLength?: number }

function row(name: string, hash: string, padding: Padding): PublicAlgorithm {
  return {
    name,
    keys: 'public',
    length: undefined,
    unfit,
    verify: (message, key, signature) => {
      const verify = createVerify(hash)
      for (const part of withoutSecret(message)) verify.update(part)
      return verify.verify({ key, ...padding }, signature)
    },
    sign: (message, key) => {
      const sign = createSign(hash)
      for (const part of withoutSecret(message)) sign.update(part)
      return sign.sign({ key, ...padding })
    },
  }
}

function unfit(key: KeyObject): string | undefined {
  if (key.asymmetricKeyType !== 'rsa' && key.asymmetricKeyType !== 'rsa-pss') return 'is no RSA key'
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  return bits < 1024 ? `is an RSA key of ${bits} bits, which anybody can break` : undefined
}
