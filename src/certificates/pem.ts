import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'

const block = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n[A-Za-z0-9+/=\s]+-----END \1-----/g
const edge = /-----(?:BEGIN|END) /g

/** The blocks of a PEM text, by label. Throws where a block is broken: OpenSSL would stop there and say nothing. */
function blocks(text: string): { readonly label: string; readonly pem: string }[] {
  const found = [...text.matchAll(block)].map(([pem, label]) => ({ label: label as string, pem }))
  if ((text.match(edge)?.length ?? 0) !== found.length * 2) throw new Error('it holds a broken PEM block')
  return found
}

/** Every certificate of a PEM text, in order; throws a plain sentence where it holds anything else, or nothing. */
export function readCertificates(text: string): X509Certificate[] {
  const found = blocks(text)
  const strange = found.find(({ label }) => label !== 'CERTIFICATE')
  if (strange !== undefined) throw new Error(`it holds a ${strange.label}; only certificates belong here`)
  if (found.length === 0) throw new Error('it holds no certificate in PEM form')
  return found.map(({ pem }, index) => {
    try {
      return new X509Certificate(pem)
    } catch {
      throw new Error(`its certificate number ${index + 1} cannot be read`)
    }
  })
}

/** A certificate in DER, and no text inside of it that looks like another one in PEM: Node would take that. Undefined where it cannot be read. */
export function parseDer(der: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(`-----BEGIN CERTIFICATE-----\n${der.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`)
  } catch {
    return undefined
  }
}

/** The one private key of a PEM text, not encrypted; throws a plain sentence otherwise. Never quotes the key. */
export function readKey(text: string): KeyObject {
  const keys = blocks(text).filter(({ label }) => label.endsWith('PRIVATE KEY'))
  if (keys.length !== 1) throw new Error(keys.length === 0 ? 'it holds no private key in PEM form' : 'it holds several private keys')
  if (keys[0]?.label === 'ENCRYPTED PRIVATE KEY') throw new Error('the key is encrypted')
  try {
    return createPrivateKey(keys[0]?.pem ?? '')
  } catch {
    throw new Error('the key cannot be read')
  }
}
