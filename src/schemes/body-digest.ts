import { createHash } from 'node:crypto'
import { parseDictionary } from 'structured-headers'
import { decode } from './encoding.ts'

/** Digests of the body in headers: `Content-Digest` (RFC 9530) and its forerunner `Digest` (RFC 3230). */
export type DigestVerdict = 'right' | 'wrong' | 'unreadable'

/** Registered and not broken; others may stand beside one of these, and count for nothing. */
const hashes = new Map([['sha-256', 'sha256'], ['sha-512', 'sha512']])

/** `sha-256=:…:, sha-512=:…:`. Every digest that we know must be right, and there must be one. */
export function checkContentDigest(value: string, body: Uint8Array): DigestVerdict {
  const digests = readDictionary(value)
  return digests === undefined ? 'unreadable' : judge(digests, body)
}

function readDictionary(value: string): readonly (readonly [string, Uint8Array])[] | undefined {
  try {
    return [...parseDictionary(value)].flatMap(([name, [digest]]) => (
      hashes.has(name) ? [[name, digest instanceof ArrayBuffer ? new Uint8Array(digest) : new Uint8Array()] as const] : []
    ))
  } catch {
    return undefined
  }
}

/** `SHA-256=…,SHA-512=…`, in base64. The names are in any case. */
export function checkDigest(value: string, body: Uint8Array): DigestVerdict {
  const digests: [string, Uint8Array][] = []
  for (const item of value.split(',', 8)) {
    const [name = '', text] = splitOnce(item.trim())
    if (!hashes.has(name.toLowerCase())) continue
    digests.push([name.toLowerCase(), decode(text, 'base64') ?? new Uint8Array()])
  }
  return judge(digests, body)
}

function splitOnce(item: string): [string, string] {
  const equals = item.indexOf('=')
  return equals === -1 ? [item, ''] : [item.slice(0, equals), item.slice(equals + 1)]
}

/** A digest is no secret: anybody can make it from the body. */
function judge(digests: readonly (readonly [string, Uint8Array])[], body: Uint8Array): DigestVerdict {
  if (digests.length === 0) return 'unreadable'
  const right = digests.every(([name, digest]) => createHash(hashes.get(name) ?? 'sha256').update(body).digest().equals(digest))
  return right ? 'right' : 'wrong'
}
