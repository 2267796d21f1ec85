import { resolve, dirname } from 'node:path'
import { existsSync, readFileSync } from 'node:fs'
import { parseDocument } from 'yaml'
import { z } from 'zod'
import { parseDuration, type Instant } from '../core/units.ts'
import { ConfigurationFiles } from '../config/files.ts'
import { resolveSecret } from '../config/secrets.ts'
import { compileSender, type SignedRequest } from '../send/sender.ts'
import { tamperings } from '../send/tamper.ts'
import type { World } from '../world.ts'
import { readAddress, readCertificate, readTime, type Circumstances } from './circumstances.ts'
import { judgeRecorded } from './explain.ts'
import { prepareOffline, type Offline } from './offline.ts'
import { parseRecorded, type Recorded } from './recorded.ts'

/** Cases of a policy: what comes, and what must come of it. */
const request = z.strictObject({
  method: z.string().default('POST'),
  url: z.url().describe('The URL as the sender knows it; host and path choose the route.'),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.string().default(''),
})

const testCase = z.strictObject({
  name: z.string().min(1),
  request: request.optional().describe('What comes, written out.'),
  file: z.string().optional().describe('What comes, recorded: raw HTTP, HAR or a curl command, in place of `request`.'),
  sign: z.strictObject({
    preset: z.string(), secret: z.string().describe('`env:NAME`, `file:PATH` or `literal:TEXT`.'),
    set: z.record(z.string(), z.string()).default({}), tamper: z.enum(tamperings).optional(), id: z.string().default('msg_test'),
    at: z.string().optional().describe('When it was signed: a time, or `-10m` and `+10m` from `now`; left out: when it arrives.'),
  }).optional().describe('Signs `request` as the sender of a preset does.'),
  from: z.string().default('127.0.0.1'),
  certificate: z.string().optional().describe('PEM file of the sender\'s certificate.'),
  at: z.string().optional().describe('When it arrives, in place of `now`: a time, or `-10m` and `+10m` from it.'),
  expect: z.strictObject({
    verdict: z.enum(['accepted', 'refused']), reason: z.string().optional(), route: z.string().optional(), status: z.int().optional(),
  }),
}).refine((one) => (one.request === undefined) !== (one.file === undefined), { message: 'a case has either `request` or `file`' })

export const policyTests = z.strictObject({
  environment: z.record(z.string(), z.string()).default({}).describe('What `env:` references mean in these tests.'),
  now: z.string().optional().describe('What the time is: 2026-11-23T12:00:00Z or Unix seconds. Left out: the time of the run.'),
  tests: z.array(testCase).min(1),
})
type Case = z.output<typeof testCase>

/** What came of one case. */
export interface CaseResult {
  readonly name: string
  /** What differs, one sentence each; empty: as expected. */
  readonly differences: readonly string[]
}

/** A file of tests that cannot be run. */
export interface TestMistake { readonly mistake: string }

/**
 * Runs the cases of a file, in order, against a configuration: no socket, nothing forwarded. Nonces are remembered from
 * case to case, as if the receiver had answered 200. Throws `ConfigurationError` for the configuration.
 */
export async function runPolicyTests(file: string, configuration: string, world: World): Promise<readonly CaseResult[] | TestMistake> {
  const written = parseDocument(readFileSync(file, 'utf8'))
  const [wrong] = written.errors
  if (wrong !== undefined) return { mistake: `${file}: ${wrong.message}` }
  const parsed = policyTests.safeParse(written.toJS())
  if (!parsed.success) return { mistake: `${file}: ${z.prettifyError(parsed.error)}` }
  const { environment, now, tests } = parsed.data
  const start = now === undefined ? world.clock.now() : readTime(now)
  if (start === undefined) return { mistake: `${file}: now: ${now} is no time` }
  const variables = new Map(Object.entries(environment))
  const pretended: World = { ...world, environment: (name) => variables.get(name) ?? world.environment(name) }
  const offline = await prepareOffline(configuration, pretended, start)
  const results: CaseResult[] = []
  for (const one of tests) results.push(await runCase(one, { file, offline, world: pretended, now: start }))
  return results
}

interface Setting { readonly file: string; readonly offline: Offline; readonly world: World; readonly now: Instant }

async function runCase(one: Case, setting: Setting): Promise<CaseResult> {
  const circumstances = readCircumstances(one, setting)
  if ('mistake' in circumstances) return { name: one.name, differences: [circumstances.mistake] }
  const recorded = readRequest(one, circumstances.at, setting)
  if ('mistake' in recorded) return { name: one.name, differences: [recorded.mistake] }
  return { name: one.name, differences: compare(one.expect, await outcomeOf(recorded, circumstances, setting.offline)) }
}

interface Outcome { readonly verdict: string; readonly reason: string | undefined; readonly route: string | undefined; readonly status: number | undefined }

async function outcomeOf(recorded: Recorded, circumstances: Circumstances, offline: Offline): Promise<Outcome> {
  const judged = await judgeRecorded(offline, recorded, circumstances)
  if (judged.judged === 'early') return { verdict: 'refused', reason: judged.reason, route: judged.route?.name, status: judged.row.status }
  const { outcome: verdict, refusal, answer, claim, until } = judged.decision
  if (verdict === 'accepted') await claim?.commit({ status: 200, until })
  return { verdict, reason: refusal?.reason ?? answer?.because, route: judged.route.name, status: refusal?.status ?? answer?.status }
}

function compare(expected: Case['expect'], outcome: Outcome): string[] {
  return (['verdict', 'reason', 'route', 'status'] as const).flatMap((key) => (
    expected[key] === undefined || expected[key] === outcome[key] ? [] : [`${key} is ${outcome[key] ?? 'none'}, expected ${expected[key]}`]
  ))
}

function readCircumstances(one: Case, { file, offline, now }: Setting): Circumstances | TestMistake {
  const from = readAddress(one.from)
  const at = readMoment(one.at, now, now)
  if (from === undefined) return { mistake: `from: ${one.from} is no address` }
  if (at === undefined) return { mistake: `at: ${one.at} is no time` }
  if (one.certificate === undefined) return { from, at, certificate: undefined }
  try {
    return { from, at, certificate: readCertificate(resolve(dirname(file), one.certificate), offline) }
  } catch (error) {
    return { mistake: `certificate: ${one.certificate} cannot be read: ${(error as Error).message}` }
  }
}

/** A time, or a distance from `now`; where it is left out, `otherwise`. */
function readMoment(text: string | undefined, now: Instant, otherwise: Instant): Instant | undefined {
  if (text === undefined) return otherwise
  const distance = /^[+-]/.test(text) ? parseDuration(text.slice(1)) : undefined
  if (distance === undefined) return readTime(text)
  return text.startsWith('-') ? now - distance : now + distance
}

function readRequest(one: Case, at: Instant, setting: Setting): Recorded | TestMistake {
  if (one.file !== undefined) return readRecorded(one.file, setting)
  const written = one.request ?? request.parse({})
  const signed = one.sign === undefined ? plain(written) : sign(written, one.sign, at, setting)
  return 'mistake' in signed ? signed : { ...signed, notes: [] }
}

function readRecorded(name: string, { file }: Setting): Recorded | TestMistake {
  const path = resolve(dirname(file), name)
  if (!existsSync(path)) return { mistake: `file: ${path} does not exist` }
  const recorded = parseRecorded(readFileSync(path), (name) => readFileSync(resolve(dirname(path), name)))
  return 'unreadable' in recorded ? { mistake: `file: ${recorded.unreadable}` } : recorded
}

function plain({ method, url, headers, body }: z.output<typeof request>): SignedRequest {
  const { host, pathname, search } = new URL(url)
  const bytes = Buffer.from(body)
  const length = bytes.length === 0 && method === 'GET' ? [] : ['Content-Length', String(bytes.length)]
  return { method, target: pathname + search, version: '1.1', rawHeaders: ['Host', host, ...Object.entries(headers).flat(), ...length], body: bytes }
}

function sign(
  { method, url, headers, body }: z.output<typeof request>, { preset, secret, set, tamper, id, at: signedAt }: NonNullable<Case['sign']>,
  at: Instant, { file, world, now }: Setting,
): SignedRequest | TestMistake {
  const problems: string[] = []
  const bytes = resolveSecret(secret, [], (_, what, mend) => problems.push(`${what}, ${mend}`), new ConfigurationFiles(file), world.environment)
  const time = readMoment(signedAt, now, at)
  if (bytes === undefined) return { mistake: `sign: ${problems.join('; ')}` }
  if (time === undefined) return { mistake: `sign.at: ${signedAt} is no time` }
  const sender = compileSender({ preset, parameters: set, secret: bytes, url: new URL(url) })
  return 'mistake' in sender ? sender : sender({ method, headers: Object.entries(headers).flat(), body: Buffer.from(body), at: time, id, tamper })
}
