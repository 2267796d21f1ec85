import { createVerify, verify, type KeyObject } from 'node:crypto'
import { inSlices, type Slices } from './slices.ts'

/** What is taken for lists and answers of authorities: RSA, ECDSA and EdDSA with SHA-256 or better. The digest is null where the algorithm has its own. */
const algorithms: readonly { readonly oid: string; readonly content: string; readonly digest: string | null }[] = [
  { oid: '1.2.840.10045.4.3.2', content: '2a8648ce3d040302', digest: 'sha256' },
  { oid: '1.2.840.10045.4.3.3', content: '2a8648ce3d040303', digest: 'sha384' },
  { oid: '1.2.840.10045.4.3.4', content: '2a8648ce3d040304', digest: 'sha512' },
  { oid: '1.2.840.113549.1.1.11', content: '2a864886f70d01010b', digest: 'sha256' },
  { oid: '1.2.840.113549.1.1.12', content: '2a864886f70d01010c', digest: 'sha384' },
  { oid: '1.2.840.113549.1.1.13', content: '2a864886f70d01010d', digest: 'sha512' },
  { oid: '1.3.101.112', content: '2b6570', digest: null },
  { oid: '1.3.101.113', content: '2b6571', digest: null },
]

const byContent = new Map(algorithms.map(({ content, digest }) => [content, digest]))
const byName = new Map(algorithms.map(({ oid, digest }) => [oid, digest]))

/** The digest of an algorithm by its OID: dotted, or the content of its DER in hex. Undefined where it is not taken. */
export function digestOf(oid: string): string | null | undefined {
  return oid.includes('.') ? byName.get(oid) : byContent.get(oid)
}

/** OpenSSL's word; no where the key does not fit the algorithm. */
export function isSignature(digest: string | null, signed: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  try {
    return verify(digest, signed, key, signature)
  } catch {
    return false
  }
}

/** So much is hashed in well under a millisecond. */
const slice = 512 * 1024

/**
 * The same without holding up the event loop: hashed in slices, where the algorithm hashes first; else by a thread, for
 * which OpenSSL copies all of it. `turn` waits until the event loop has turned.
 */
export async function isSignatureLater(digest: string | null, signed: Uint8Array, key: KeyObject, signature: Uint8Array, turn?: () => Promise<unknown>): Promise<boolean> {
  try {
    return digest === null ? await byThread(signed, key, signature) : await inSlices(verifySteps(digest, signed, key, signature), turn)
  } catch {
    return false
  }
}

function* verifySteps(digest: string, signed: Uint8Array, key: KeyObject, signature: Uint8Array): Slices<boolean> {
  const verifier = createVerify(digest)
  for (let at = 0; at < signed.length; at += slice) {
    if (at > 0) yield
    verifier.update(signed.subarray(at, at + slice))
  }
  return verifier.verify(key, signature)
}

function byThread(signed: Uint8Array, key: KeyObject, signature: Uint8Array): Promise<boolean> {
  return new Promise((resolve, reject) => {
    verify(null, signed, key, signature, (error, answer) => { if (error === null) resolve(answer); else reject(error) })
  })
}
