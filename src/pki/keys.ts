import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto'

/** `ec` is P-256, `rsa` is RSA 2048 with PKCS#1 v1.5 signatures: what every sender's TLS stack can read. */
export type KeyKind = 'ec' | 'rsa'

export interface Keys { readonly privateKey: webcrypto.CryptoKey; readonly publicKey: webcrypto.CryptoKey }

const algorithms = {
  ec: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  rsa: { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' },
} as const satisfies Record<KeyKind, unknown>

/** Makes a key pair from the operating system's randomness. */
export async function makeKeys(kind: KeyKind): Promise<Keys> {
  return await webcrypto.subtle.generateKey(algorithms[kind], true, ['sign', 'verify']) as webcrypto.CryptoKeyPair
}

/** The signature algorithm of a key, for certificates and lists that it signs. */
export function signingAlgorithm(key: webcrypto.CryptoKey): { name: string; hash: string } {
  return { name: key.algorithm.name, hash: 'SHA-256' }
}

/** PKCS#8 PEM, not encrypted: the file's mode protects it. */
export async function writePrivateKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** Any PEM private key of P-256 or RSA that OpenSSL reads; throws with a plain sentence for any other. */
export async function readPrivateKey(pem: string): Promise<Keys> {
  const key = createPrivateKey(pem)
  const algorithm = algorithms[kindOf(key.asymmetricKeyType, key.asymmetricKeyDetails?.namedCurve)]
  const spki = createPublicKey(pem).export({ type: 'spki', format: 'der' })
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), algorithm, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
  }
}

function kindOf(type: string | undefined, curve: string | undefined): KeyKind {
  if (type === 'rsa') return 'rsa'
  if (type === 'ec' && curve === 'prime256v1') return 'ec'
  throw new Error(`the key is ${[type, curve].filter(Boolean).join(' ')}; only P-256 and RSA keys are used here`)
}
