import { z } from 'zod'
import { refuse, type Refuse, type Verdict } from '../../core/verdict.ts'
import type { PublicAlgorithm } from '../algorithms/algorithm.ts'
import { algorithm } from '../algorithms/index.ts'
import { compileCertificateSource, type FindCertificate } from '../certificates.ts'
import { bytesOf, decode } from '../encoding.ts'
import { targetOf } from '../fetched-keys.ts'
import { newTree, readJson, want } from '../json.ts'
import type { Verifiable } from '../reading.ts'
import type { SignatureReason } from '../scheme.ts'
import { parseTime } from '../time-text.ts'
import { defineVerifier, malformedAt, oneOrMore, proven, type Watch } from './verifier.ts'

const settings = z.strictObject({
  kind: z.literal('sns').describe('AWS SNS: RSA over fields of the body, under a certificate that the body names, on hosts of AWS.'),
  topics: oneOrMore
    .describe('The topics that may send, by ARN: AWS signs for everybody who has an account.'),
  versions: z.array(z.enum(['1', '2'])).min(1).default(['2', '1'])
    .describe('Signature versions that are taken: 1 is SHA-1 and what a topic has unless it is set otherwise, 2 is SHA-256.'),
})
type Settings = z.output<typeof settings>

const hosts = ['sns.*.amazonaws.com', 'sns.*.amazonaws.com.cn']
const certificatePath = /^\/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem$/
/** Where Amazon's authority keeps the certificates between its root and its customers: AWS serves the leaf alone. */
const issuers = ['http://crt.*.amazontrust.com']

/**
 * The names in the certificates of a region, as the AWS SDK for Java 2 lists them (SnsHostProvider), and the one of the
 * documentation that came before. Each belongs to AWS itself.
 */
function namesAt({ hostname }: URL): readonly string[] {
  const [, region = '', ...suffix] = hostname.split('.')
  const domain = suffix.join('.')
  const government = region.startsWith('us-gov-') ? [`sns-us-gov-west-1.${domain}`] : []
  return ['sns.amazonaws.com', hostname, `sns-signing.${region}.${domain}`, `sns-${region}.${domain}`, ...government]
}

const algorithms = { 1: algorithm('rsa-sha1') as PublicAlgorithm, 2: algorithm('rsa-sha256') as PublicAlgorithm } as const

const fieldNames = [
  'Message', 'MessageId', 'Subject', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type', 'Signature', 'SignatureVersion', 'SigningCertURL',
] as const
type FieldName = typeof fieldNames[number]
const tree = newTree()
const places = new Map(fieldNames.map((name) => [name, want(tree, [name])]))

/** Which fields are signed, by type, in order; one that is absent is left out. */
const signedFields = new Map<string, readonly FieldName[]>([
  ['Notification', ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']],
  ['SubscriptionConfirmation', ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']],
  ['UnsubscribeConfirmation', ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']],
])

/** Did AWS sign this message for one of our topics? */
export const sns = defineVerifier({
  settings,
  headers: () => ['x-amz-sns-message-type'],
  facts: () => ({ timestamped: true, window: undefined, signsId: true }),
  compile(settings, tools) {
    const wrong = settings.topics.find((topic) => !/^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+$/.test(topic))
    const find = compileCertificateSource({ hosts, issuers, names: namesAt }, tools.keys, tools.fetcher, tools.report)
    if (wrong === undefined) return find && ((delivery) => verify(settings, find, delivery, tools.watch))
    tools.report({ path: ['topics'], what: `${JSON.stringify(wrong)} is no ARN of a topic`, mend: 'write arn:aws:sns:REGION:ACCOUNT:NAME' })
    return undefined
  },
})

async function verify({ topics, versions }: Settings, find: FindCertificate, { body, at: now }: Verifiable, watch?: Watch): Promise<Verdict<SignatureReason>> {
  const read = readFields(body)
  if ('verdict' in read) return read
  const { value } = read
  const version = versions.find((one) => one === value('SignatureVersion'))
  const signature = decode(value('Signature') ?? '', 'base64')
  if (value('Signature') === undefined) return refuse('signature-missing', { where: 'JSON field Signature' })
  const text = stringToSign(value)
  if (version === undefined || signature === undefined || text === undefined) return malformedAt('body', 'is no signed message of SNS, or of a version that is not taken')
  if (!topics.includes(value('TopicArn') ?? '')) return refuse('key-unknown', { where: 'JSON field TopicArn' })
  if (fieldNames.some((name) => name !== 'Message' && value(name)?.includes('\n'))) return malformedAt('body', 'holds a line feed where AWS writes none')
  const at = parseTime(value('Timestamp') ?? '', 'rfc3339')
  if (at === undefined) return refuse('timestamp-malformed', { where: 'JSON field Timestamp' })
  const url = value('SigningCertURL') ?? ''
  if (!certificatePath.test(targetOf(url, hosts))) return refuse('key-unknown', { where: 'JSON field SigningCertURL' })
  const row = algorithms[version]
  watch?.signed({
    where: 'JSON field Signature', algorithm: row.name, spelling: 'base64', texts: [value('Signature') ?? ''], message: [text], timestamp: value('Timestamp'),
    id: value('MessageId'),
  })
  const key = await find(url, now)
  if ('distrusted' in key) return refuse('key-unknown', { where: 'certificate', why: key.distrusted })
  if (row.unfit(key) !== undefined) return refuse('key-unknown', { where: 'certificate', why: row.unfit(key) })
  if (!row.verify([text], key, signature)) return refuse('signature-mismatch')
  return proven({ material: [bytesOf(text)], at, id: value('MessageId'), key: url })
}

function readFields(body: Uint8Array): { readonly value: (name: FieldName) => string | undefined } | Refuse<SignatureReason> {
  const values = readJson(body, tree)
  if (typeof values === 'string') return malformedAt('body', values)
  return { value: (name) => values[places.get(name) ?? -1]?.text }
}

/**
 * `name LF value LF` for each signed field that is there. Undefined: a type that is not known. Only Message may hold line feeds: with one in
 * another field the same signed bytes could be read as another, shorter message.
 */
function stringToSign(value: (name: FieldName) => string | undefined): string | undefined {
  const names = signedFields.get(value('Type') ?? '')
  return names?.flatMap((name) => {
    const text = value(name)
    return text === undefined ? [] : [`${name}\n${text}\n`]
  }).join('')
}
