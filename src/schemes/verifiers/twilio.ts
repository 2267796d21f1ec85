import { createHash } from 'node:crypto'
import { parse, stringify } from 'node:querystring'
import { z } from 'zod'
import { refuse, type Verdict } from '../../core/verdict.ts'
import type { SecretAlgorithm } from '../algorithms/algorithm.ts'
import { algorithm } from '../algorithms/index.ts'
import { bytesOf } from '../encoding.ts'
import { joinPairs, onlyValue, parsePairs, sortedPairs } from '../form.ts'
import { compileProof } from '../proof.ts'
import type { PublicUrl } from '../public-url.ts'
import { Reading, type Verifiable } from '../reading.ts'
import { newTree } from '../json.ts'
import type { PreparedKey } from '../scheme-keys.ts'
import type { SignatureReason } from '../scheme.ts'
import { defineVerifier, headerOf, malformedAt, ownSecret, ownUrl, proven, secretsFor, urlFor, type Watch } from './verifier.ts'

const settings = z.strictObject({
  kind: z.literal('twilio').describe('Twilio: HMAC-SHA1 over the URL, in any of its spellings, and the form or the digest of the body.'),
})

const hmac = algorithm('hmac-sha1') as SecretAlgorithm
const proves = compileProof(hmac, 'base64')
const header = 'x-twilio-signature'

/** Did Twilio sign this URL, and this form or body? */
export const twilio = defineVerifier({
  settings,
  headers: () => [header],
  facts: () => ({ timestamped: false, window: undefined, signsId: false }),
  compile(_, tools) {
    const [keys, url] = [secretsFor(tools), urlFor(tools)]
    return keys && url && ((delivery) => verify(keys, url, delivery, tools.watch))
  },
  sign(_, tools) {
    const [key, url] = [ownSecret(tools), ownUrl(tools)]
    return key && url && ((unsigned) => {
      const digest = isForm(unsigned.headers) ? undefined : `bodySHA256=${createHash('sha256').update(unsigned.body).digest('hex')}`
      const query = [unsigned.query, digest].filter((part) => part !== undefined).join('&')
      const whole = url.whole(unsigned.path, query === '' ? undefined : query) ?? ''
      const rest = digest === undefined ? sortedPairs(parsePairs(Buffer.from(unsigned.body).toString('latin1')) ?? []).flat().join('') : ''
      const signature = hmac.digest([whole + rest], key, 'base64')
      return { headers: ['X-Twilio-Signature', signature], query: digest, marks: { signature } }
    })
  },
})

function verify(keys: readonly PreparedKey[], url: PublicUrl, delivery: Verifiable, watch?: Watch): Verdict<SignatureReason> {
  const written = headerOf(delivery, header)
  if (typeof written !== 'string') return written
  const whole = url.whole(delivery.path, delivery.query)
  if (whole === undefined) return malformedAt('query', 'is not the one of the public URL')
  const rest = signedBody(whole, delivery)
  if (typeof rest !== 'string') return rest
  for (const spelling of spellings(whole)) {
    watch?.signed({ where: `header ${header}`, algorithm: 'hmac-sha1', spelling: 'base64', texts: [written], message: [spelling + rest], keys })
    const key = keys.find(({ object }) => proves([spelling + rest], object, [written]))
    if (key !== undefined) return proven({ material: [bytesOf(spelling + rest)], at: undefined, id: undefined, key: key.reference })
  }
  return Buffer.from(written, 'base64').toString('base64') === written && written.length === 28
    ? refuse('signature-mismatch', { keys: keys.length }) : malformedAt(`header ${header}`, 'is not spelled as the scheme asks')
}

/** A JSON body is signed by its digest in the query. */
function isForm(headers: readonly string[]): boolean {
  return headers.some((value, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === 'content-type' && value.toLowerCase().includes('form-urlencoded'))
}

/** What stands behind the URL: nothing where the query holds the body's digest, otherwise the sorted form. */
function signedBody(url: string, delivery: Verifiable): string | Exclude<Verdict<SignatureReason>, { verdict: 'pass' }> {
  const mark = url.indexOf('?')
  const digest = mark === -1 ? undefined : onlyValue(parsePairs(url.slice(mark + 1)) ?? [], 'bodySHA256')
  if (typeof digest === 'object') return malformedAt('query parameter bodySHA256', 'stands there more than once')
  if (digest !== undefined) {
    const right = createHash('sha256').update(delivery.body).digest('hex') === digest
    return right ? '' : refuse('digest-mismatch', { where: 'query parameter bodySHA256' })
  }
  const pairs = new Reading(delivery, newTree()).form()
  return pairs === undefined ? malformedAt('form', 'is not well formed') : joinPairs(sortedPairs(pairs))
}

/**
 * The spellings that Twilio's own library tries: as received, then as the WHATWG parser writes it, then with the query as
 * Node's `querystring` writes it; each without and with its port.
 */
function spellings(url: string): readonly string[] {
  const normal = URL.canParse(url) ? new URL(url).toString() : url
  const mark = normal.indexOf('?')
  const legacy = mark === -1 ? normal : `${normal.slice(0, mark)}?${stringify(parse(normal.slice(mark + 1)))}`
  return [...new Set([url, normal, legacy].flatMap((one) => withAndWithoutPort(one)))]
}

function withAndWithoutPort(url: string): readonly string[] {
  const found = /^(https?:\/\/)([^/?#@]*@)?([^/?#:]*)(:[0-9]+)?(.*)$/s.exec(url)
  if (found === null) return [url]
  const [, scheme = '', user = '', host = '', port, rest = ''] = found
  const usual = scheme === 'https://' ? ':443' : ':80'
  return [`${scheme}${user}${host}${port === usual || port === undefined ? '' : port}${rest}`, `${scheme}${user}${host}${port ?? usual}${rest}`, `${scheme}${user}${host}${rest}`]
}
