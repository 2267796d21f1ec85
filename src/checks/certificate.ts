import { z } from 'zod'
import { fingerprintOf } from '../certificates/chain.ts'
import { parseNamePattern, type NamePattern } from '../certificates/names.ts'
import { readCertificates } from '../certificates/pem.ts'
import { at, defineCheck, type Asked, type CheckTools } from '../core/check.ts'
import type { PeerCertificate } from '../core/delivery.ts'
import { mistake } from '../core/fields.ts'
import { storeReasons } from '../core/nonce.ts'
import { ocspSchema } from '../core/ocsp.ts'
import { certificateReasons, reasonOfTrustError, type CertificateReason } from '../core/trust.ts'
import { pass, refuse, type Facts, type Refuse } from '../core/verdict.ts'
import { askStatus, identify } from './certificate-status.ts'
import { askFirstUse, type FirstUseReason } from './first-use.ts'

/** One text or several, any one of which is enough; each is parsed, and a text that is none is a mistake at its place. */
function oneOrMore<T>(parse: (text: string) => T | undefined, kind: string, mend: string) {
  return z.union([z.string(), z.array(z.string()).min(1)]).transform((written, context) => [written].flat().flatMap((text, index) => {
    const value = parse(text)
    if (value !== undefined) return [value]
    context.addIssue({ ...mistake(`${JSON.stringify(text)} is no ${kind}`, mend), path: Array.isArray(written) ? [index] : [] })
    return []
  }))
}

const names = oneOrMore((text) => {
  const pattern = parseNamePattern(text)
  return pattern === undefined ? undefined : { text, pattern }
}, 'name of a certificate', 'write dns:hooks.example, dns:*.example.com, uri:spiffe://partner/hooks/*, email:ops@example.com or ip:192.0.2.1')

const pins = oneOrMore(parsePin, 'fingerprint', 'write sha256: (of the certificate) or spki-sha256: (of its key) and 64 hex digits')

const denied = oneOrMore((text) => {
  const serial = /^serial:((?:[0-9a-f]{1,2}:?){1,20})$/i.exec(text)?.[1]
  return serial === undefined ? parsePin(text) : { of: 'serial' as const, digits: serial.replaceAll(':', '').toLowerCase().replace(/^0+(?=.)/, '') }
}, 'serial number or fingerprint', 'write serial: and hex digits, or sha256: or spki-sha256: and 64 hex digits')

const files = oneOrMore((text) => text || undefined, 'file name', 'write the name of a PEM file')
const values = oneOrMore((text) => text || undefined, 'value', 'write the text that stands in the subject')

const part = z.string().regex(/^(CN|O|OU|C|ST|L|DC|UID|SN|GN|title|street|serialNumber|emailAddress|businessCategory|\d+(\.\d+)+)$/,
  'a part of a subject: CN, O, OU, C, ST, L, DC, UID, serialNumber, emailAddress or an OID')

const schema = z.strictObject({
  ca: files.optional().describe('PEM files of authorities, some of the listener\'s: every chain of the certificate must lead to one of them.'),
  san: names.optional().describe('Names, typed: `dns:` (a `*.` label stands for one label), `uri:` (a trailing `/*` takes whole segments), `email:`, `ip:`; one of them is enough.'),
  subject: z.record(part, values).optional().describe('Parts of the subject (`CN: sender.example`): each must stand there once, with this value or one of these.'),
  fingerprint: pins.optional().describe('`sha256:` of the certificate or `spki-sha256:` of its key; one of them is enough.'),
  extendedKeyUsage: z.literal('clientAuth').optional().describe('The certificate must say that it is for clients; one that says nothing is refused.'),
  depth: z.int().min(0).max(10).optional().describe('The most certificates between this one and the root of its authority; 0: issued by the root itself.'),
  deny: denied.optional().describe('Certificates that are refused whatever else holds: `serial:`, `sha256:` or `spki-sha256:`.'),
  pin: z.literal('first-use').optional().describe('The first certificate that is accepted here is remembered, and any other refused until `sallyport certs pin` approves it.'),
  ocsp: ocspSchema.optional().describe('Whether its responder is asked for its status; left out: what the listener says.'),
  optional: z.literal([true, false]).default(false).describe('A delivery without a certificate passes; one with a bad certificate does not.'),
})
type Settings = z.infer<typeof schema>
interface Pin { readonly of: 'certificate' | 'key' | 'serial'; readonly digits: string }

function parsePin(text: string): Pin | undefined {
  const found = /^(sha256|spki-sha256):((?:[0-9a-f]{2}:?){31}[0-9a-f]{2})$/i.exec(text)
  if (found?.[2] === undefined) return undefined
  return { of: found[1] === 'sha256' ? 'certificate' : 'key', digits: found[2].replaceAll(':', '').toLowerCase() }
}

function holds({ of, digits }: Pin, shown: PeerCertificate): boolean {
  if (of === 'serial') return shown.serial === digits
  return (of === 'certificate' ? shown.fingerprint : shown.keyFingerprint) === digits
}

/** A demand of the route: undefined where the certificate meets it, or what is wrong. */
type Demand = (certificate: PeerCertificate) => Refuse<CertificateReason> | undefined

/**
 * Did the sender show a certificate that the listener trusts, that is valid now, and that this route accepts? OpenSSL
 * verified it in the handshake; time, authorities and revocation are asked again for each delivery, as connections
 * outlive them. A responder is asked last, and only about a certificate that everything else accepts.
 */
export const certificate = defineCheck({
  key: 'certificate',
  authenticates: true,
  schema,
  reasons: { ...certificateReasons, ...storeReasons },
  compile(settings, tools): readonly Asked<FirstUseReason>[] {
    const demands = compileDemands(settings, tools)
    return [
      at('certificate', ({ certificate: shown }) => {
        if (shown === undefined) return settings.optional ? pass({ certificate: 'none' }) : refuse('certificate-missing')
        const refusal = judgeTrust(shown, tools.clock.now()) ?? firstRefusal(demands, shown)
        if (refusal !== undefined) return refusal
        const rule = settings.ocsp ?? shown.ocsp
        return rule === undefined || rule.mode === 'off' ? pass({ fingerprint: shown.fingerprint }) : askStatus(shown, rule, tools.statuses)
      }),
      ...settings.pin === undefined ? [] : askFirstUse(tools, notAllowed),
    ]
  },
})

function judgeTrust(shown: PeerCertificate, now: number): Refuse<CertificateReason> | undefined {
  const { trust } = shown
  if (trust !== 'trusted') return refuse(reasonOfTrustError(trust.error), { ...identify(shown), ...trust.facts, error: trust.error })
  // Written so that a time which cannot be read (NaN) is refused.
  if (now >= shown.notBefore && now <= shown.notAfter) return undefined
  return refuse('certificate-expired', { ...identify(shown), notBefore: shown.notBefore, notAfter: shown.notAfter })
}

function firstRefusal(demands: readonly Demand[], shown: PeerCertificate): Refuse<CertificateReason> | undefined {
  for (const demand of demands) {
    const refusal = demand(shown)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

function compileDemands({ ca, san, subject, fingerprint, extendedKeyUsage, depth, deny }: Settings, tools: CheckTools): readonly Demand[] {
  const demands: Demand[] = []
  if (deny !== undefined) demands.push((shown) => (deny.some((pin) => holds(pin, shown)) ? notAllowed(shown, 'deny') : undefined))
  if (fingerprint !== undefined) demands.push(demandPin(fingerprint))
  if (san !== undefined) demands.push(demandName(san))
  for (const [type, accepted] of Object.entries(subject ?? {})) demands.push(demandPart(type, accepted))
  if (extendedKeyUsage !== undefined) demands.push(demandClientAuth)
  if (depth !== undefined) demands.push(demandDepth(depth))
  if (ca !== undefined) demands.push(demandAuthority(ca, tools))
  return demands
}

function demandPin(accepted: readonly Pin[]): Demand {
  return (shown) => accepted.some((pin) => holds(pin, shown)) ? undefined : notAllowed(shown, 'fingerprint')
}

/** All that stands above it counts: where several ways lead up, their certificates together. */
function demandDepth(most: number): Demand {
  return (shown) => shown.issuers.length > 0 && shown.issuers.length - 1 <= most ? undefined
    : notAllowed(shown, 'depth', { found: shown.issuers.length - 1 })
}

function demandName(accepted: readonly { readonly text: string; readonly pattern: NamePattern }[]): Demand {
  const wanted = accepted.map(({ text }) => text)
  return (shown) => {
    if (accepted.some(({ pattern }) => shown.names.some(pattern))) return undefined
    return notAllowed(shown, 'san', { wanted, found: shown.names.map(({ type, value }) => `${type}:${value}`) })
  }
}

/** A subject that names the part twice leaves open which one counts: refused. */
function demandPart(type: string, accepted: readonly string[]): Demand {
  return (shown) => {
    const found = shown.subject.filter((one) => one.type === type).map(({ value }) => value)
    return found.length === 1 && accepted.includes(found[0] as string) ? undefined : notAllowed(shown, 'subject', { wanted: accepted, found })
  }
}

const clientAuth = '1.3.6.1.5.5.7.3.2'

function demandClientAuth(shown: PeerCertificate): Refuse<CertificateReason> | undefined {
  return shown.extendedKeyUsage.includes(clientAuth) ? undefined : notAllowed(shown, 'extendedKeyUsage', { found: shown.extendedKeyUsage })
}

/** An empty set vouches for nobody: where a file cannot be read, the problem is reported and nothing would pass. */
function demandAuthority(written: readonly string[], tools: CheckTools): Demand {
  const authorities = new Set(written.flatMap((file, index) => readAuthorities(file, index, tools)))
  return (shown) => shown.vouchedBy(authorities) ? undefined : refuse('certificate-untrusted', { ...identify(shown), demand: 'ca' })
}

function readAuthorities(file: string, index: number, { file: read, problem }: CheckTools): string[] {
  const pem = read(file, ['ca', index])
  if (pem === undefined) return []
  try {
    return readCertificates(pem).map(fingerprintOf)
  } catch (error) {
    problem(['ca', index], error instanceof Error ? error.message : String(error), 'write a PEM file of authorities that the listener trusts, too')
    return []
  }
}

function notAllowed(shown: PeerCertificate, demand: string, facts: Facts = {}): Refuse<CertificateReason> {
  return refuse('certificate-not-allowed', { ...identify(shown), demand, ...facts })
}
