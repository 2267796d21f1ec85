import { createHash, type KeyObject } from 'node:crypto'
import { Headers } from '../../core/headers.ts'
import { httpAlgorithmFor, type HttpAlgorithmName } from '../http-algorithms.ts'
import { spell } from '../proof.ts'
import type { PublicUrl } from '../public-url.ts'
import type { Report } from '../plan.ts'
import type { Sign } from '../sign.ts'
import { signatureBase } from './signature-base.ts'
import { parseDictionary, type InnerList } from 'structured-headers'

interface Wishes { readonly algorithms: readonly HttpAlgorithmName[]; readonly covered: readonly string[]; readonly tag?: string | undefined; readonly label?: string | undefined }

/** Plays a sender of HTTP Message Signatures: covers what the settings ask for and the digest of the body. */
export function signMessage({ algorithms, covered, tag, label = 'sig1' }: Wishes, key: KeyObject, url: PublicUrl, report: Report): Sign | undefined {
  const chosen = httpAlgorithmFor(algorithms, key)
  if (chosen === undefined) return void report({ path: [], what: `the key signs none of ${algorithms.join(', ')}`, mend: 'give one that does' })
  return (unsigned) => {
    const digest = `sha-256=:${createHash('sha256').update(unsigned.body).digest('base64')}:`
    const created = Math.floor(unsigned.at / 1000)
    const names = [...new Set([...covered, 'content-digest'])].filter((name) => name !== '@query' || unsigned.query !== undefined)
    const quoted = [`keyid="${unsigned.keyId ?? 'key-1'}"`, `nonce="${unsigned.id}"`, ...(tag === undefined ? [] : [`tag="${tag}"`])]
    const input = `(${names.map((name) => `"${name}"`).join(' ')});created=${created};${quoted.join(';')}`
    const headers = new Headers([...unsigned.headers, 'Host', url.host, 'Content-Digest', digest])
    const list = parseDictionary(`${label}=${input}`).get(label) as InnerList
    const base = signatureBase(list, { ...unsigned, headers }, url)
    if (typeof base !== 'string') throw new Error(`cannot sign: component ${base.component} is absent`)
    const signature = spell(chosen.row, 'base64', [base], key)
    return {
      headers: ['Content-Digest', digest, 'Signature-Input', `${label}=${input}`, 'Signature', `${label}=:${signature}:`], query: undefined,
      marks: { signature, time: { signed: `created=${created}`, later: `created=${created + 1}` } },
    }
  }
}
