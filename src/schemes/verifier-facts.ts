import type { Covered, KeyNeed } from './preset-facts.ts'
import type { VerifierDocument } from './verifiers/index.ts'

/** What a built-in verifier proves, for those who choose a preset. */
export interface VerifierFacts {
  /** As the scheme language calls them, or as JOSE does. */
  readonly algorithms: readonly string[]
  readonly keys: readonly KeyNeed[]
  /** But for time and id, which `schemeFacts` knows. */
  readonly covers: readonly Covered[]
}

const secret: readonly KeyNeed[] = [{ under: 'secrets', form: 'text' }]
const publicKey: readonly KeyNeed[] = [{ under: 'keys', form: 'pem' }]

export function verifierFacts(verifier: VerifierDocument): VerifierFacts {
  switch (verifier.kind) {
    case 'adyen': return { algorithms: ['hmac-sha256'], keys: [{ under: 'secrets', form: 'hex' }], covers: ['part of the body'] }
    case 'braintree': return { algorithms: ['hmac-sha1'], keys: secret, covers: ['body'] }
    case 'contentful': return { algorithms: ['hmac-sha256'], keys: secret, covers: ['body', 'url'] }
    case 'mercado-pago': return { algorithms: ['hmac-sha256'], keys: secret, covers: [] }
    case 'plivo-v3': return { algorithms: ['hmac-sha256'], keys: secret, covers: ['body', 'url'] }
    case 'twilio': return { algorithms: ['hmac-sha1'], keys: secret, covers: ['body', 'url'] }
    case 'paypal': case 'sns': return { algorithms: ['rsa-sha256'], keys: [], covers: ['part of the body'] }
    case 'rfc9421': return { algorithms: [], keys: publicKey, covers: covered(verifier.covered, 'content-digest', '@path') }
    case 'cavage': return { algorithms: [], keys: publicKey, covers: covered(verifier.covered, 'digest', '(request-target)') }
    case 'jws-detached': return { algorithms: verifier.algorithms, keys: verifier.jwks === undefined ? publicKey : [], covers: ['body'] }
    case 'jwt': return {
      algorithms: verifier.algorithms,
      keys: isShared(verifier.algorithms) ? secret : verifier.jwks === undefined && verifier.pemBelow === undefined ? publicKey : [],
      covers: [...verifier.body === undefined ? [] : ['body' as const], ...verifier.url === undefined && verifier.query === undefined ? [] : ['url' as const]],
    }
  }
}

/** Signed with a secret that both sides hold? */
export function isShared(algorithms: readonly string[]): boolean {
  return algorithms.some((name) => name.startsWith('hmac-') || name.startsWith('HS'))
}

function covered(components: readonly string[], body: string, url: string): readonly Covered[] {
  const covers: Covered[] = []
  if (components.includes(body)) covers.push('body')
  if (components.includes(url)) covers.push('url')
  return covers
}
