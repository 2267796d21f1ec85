import { createSign, createVerify, type KeyObject } from 'node:crypto'
import { withoutSecret, type PublicAlgorithm } from './algorithm.ts'

const curves = [
  { curve: 'prime256v1', name: 'p256', hash: 'sha256', half: 32 },
  { curve: 'prime256v1', name: 'p256', hash: 'sha1', half: 32 },
  { curve: 'secp384r1', name: 'p384', hash: 'sha384', half: 48 },
  { curve: 'secp521r1', name: 'p521', hash: 'sha512', half: 66 },
] as const

/** The two spellings of the same pair of numbers: ASN.1, and r followed by s at full length (IEEE P1363). */
const spellings = [{ suffix: 'der', dsaEncoding: 'der' }, { suffix: 'p1363', dsaEncoding: 'ieee-p1363' }] as const

/** ECDSA (FIPS 186-5). (r, n − s) verifies as well as (r, s): a signature's text is never a nonce. */
export const ecdsas: readonly PublicAlgorithm[] = curves.flatMap((curve) => spellings.map((spelling) => row(curve, spelling)))

function row({ curve, name, hash, half }: typeof curves[number], { suffix, dsaEncoding }: typeof spellings[number]): PublicAlgorithm {
  const length = suffix === 'p1363' ? half * 2 : undefined
  return {
    name: `ecdsa-${name}-${hash}-${suffix}`,
    keys: 'public',
    length,
    unfit: (key: KeyObject) => (key.asymmetricKeyDetails?.namedCurve === curve ? undefined : `is no key on the curve ${name}`),
    verify: (message, key, signature) => {
      // Node throws for a pair of another length.
      if (length !== undefined && signature.length !== length) return false
      const verify = createVerify(hash)
      for (const part of withoutSecret(message)) verify.update(part)
      return verify.verify({ key, dsaEncoding }, signature)
    },
    sign: (message, key) => {
      const sign = createSign(hash)
      for (const part of withoutSecret(message)) sign.update(part)
      return sign.sign({ key, dsaEncoding })
    },
  }
}
