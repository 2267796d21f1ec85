import { createHmac } from 'node:crypto'
import t from 'tap'
import { signature } from '../../src/checks/signature.ts'
import type { CheckTools } from '../../src/core/check.ts'
import { decide, type Decision } from '../../src/core/decide.ts'
import { Headers } from '../../src/core/headers.ts'
import { parseAddress } from '../../src/addresses/address.ts'
import type { Address } from '../../src/core/delivery.ts'
import { limits } from '../../src/checks/limits.ts'
import { compileCheck } from '../../src/core/check.ts'
import { questionsOf, toolsFor } from '../support/checks.ts'
import { StillClock } from '../support/clock.ts'

const secret = 'a secret of more than sixteen bytes'
const start = Date.UTC(2026, 0, 1)
const body = Buffer.from('{"id":"evt_1"}')
const secrets = [`literal:${secret}`]

/** Decides about one delivery that was signed `age` milliseconds ago. */
async function said(settings: unknown, headers: readonly string[], tools?: ReturnType<typeof toolsFor>): Promise<Decision> {
  const whole = compileCheck(limits, {}, toolsFor())
  return await decide({
    id: 'A'.repeat(22), from: parseAddress('192.0.2.1') as Address, at: start, method: 'POST', host: 'hooks.example', path: '/',
    query: undefined, headers: new Headers(headers), certificate: undefined, read: () => body,
  }, [...whole, ...questionsOf('signature', settings, tools)], 'enforce', new StillClock(start))
}

function stripe(age: number): string[] {
  const t = String(Math.floor((start - age) / 1000))
  return ['Stripe-Signature', `t=${t},v1=${createHmac('sha256', secret).update(`${t}.`).update(body).digest('hex')}`]
}

t.test('a signed delivery passes with what it proved', async (t) => {
  const { refusal, signed } = await said({ preset: 'stripe', secrets }, stripe(1000))
  t.equal(refusal, undefined)
  t.match(signed, { at: start - 1000, id: 'evt_1', key: 'literal:secrets.0' })
  t.equal(Buffer.concat(signed?.material ?? []).toString(), `${(start - 1000) / 1000}.${body}`)
})

t.test('the time is checked by the preset, and by replay.window in its place', async (t) => {
  const neighbour: CheckTools['neighbour'] = (key) => (key === 'replay' ? { window: 10_000 } : undefined)
  const cases: [string, number, CheckTools['neighbour'] | undefined, string | undefined][] = [
    ['at the edge', 300_000, undefined, undefined],
    ['beyond it', 301_000, undefined, 'timestamp-expired'],
    ['at the future edge', -300_000, undefined, undefined],
    ['beyond that', -301_000, undefined, 'timestamp-in-future'],
    ['at the edge of the route', 10_000, neighbour, undefined],
    ['beyond the edge of the route', 11_000, neighbour, 'timestamp-expired'],
  ]
  for (const [name, age, other, reason] of cases) {
    const tools = toolsFor(other === undefined ? {} : { neighbour: other })
    t.equal((await said({ preset: 'stripe', secrets }, stripe(age), tools)).refusal?.reason, reason, name)
  }
})

t.test('each reason', async (t) => {
  const [name = '', value = ''] = stripe(0)
  const cases: [string, readonly string[], string][] = [
    ['nothing', [], 'signature-missing'],
    ['only an old kind', [name, value.replace('v1=', 'v0=')], 'signature-missing'],
    ['no time', [name, value.slice(value.indexOf('v1='))], 'timestamp-missing'],
    ['empty time', [name, value.replace(/t=[0-9]+/, 't=')], 'timestamp-malformed'],
    ['signed time', [name, value.replace('t=', 't=+')], 'timestamp-malformed'],
    ['Arabic digits', [name, value.replace(/t=[0-9]+/, 't=\u0661\u0661')], 'timestamp-malformed'],
    ['two times', [name, `${value},t=1`], 'signature-malformed'],
    ['two lines', [name, value, name, value], 'signature-malformed'],
    ['no digest', [name, 't=1,v1=abc'], 'signature-malformed'],
    ['another digest', [name, value.replace(/v1=.{4}/, 'v1=0000')], 'signature-mismatch'],
    ['17 items', [name, value + ',v1=00'.repeat(15)], 'signature-malformed'],
  ]
  for (const [how, headers, reason] of cases) {
    const { refusal } = await said({ preset: 'stripe', secrets }, headers)
    t.match(refusal, { reason, status: 401 }, how)
  }
})

t.test('several secrets, one of several signatures', async (t) => {
  const [name = '', value = ''] = stripe(0)
  const both = [`literal:${'x'.repeat(20)}`, ...secrets]
  t.equal((await said({ preset: 'stripe', secrets: both }, [name, value])).signed?.key, 'literal:secrets.1')
  t.equal((await said({ preset: 'stripe', secrets }, [name, value.replace('v1=', `v1=${'0'.repeat(64)}, v1=zz, v1=`)])).refusal, undefined)
})

t.test('what an operator is told', async (t) => {
  const environment = { secret: (reference: string) => Buffer.from(reference.slice(reference.indexOf(':') + 1)) }
  const cases: [string, unknown, readonly (string | number)[], RegExp][] = [
    ['no such preset', { preset: 'githb', secrets }, ['preset'], /no preset "githb".*github/],
    ['neither', { secrets }, [], /either preset or scheme/],
    ['both', { preset: 'github', scheme: { signature: { header: 'X', algorithm: 'token' } }, secrets }, [], /either/],
    ['no secrets', { preset: 'github' }, [], /secrets is missing/],
    ['keys for secrets', { preset: 'github', keys: secrets }, ['keys'], /uses no keys/],
    ['short', { preset: 'github', secrets: ['env:changeme'] }, ['secrets', 0], /shorter than 16/],
    ['no base64', { preset: 'standard-webhooks', secrets: ['literal:whsec_***'] }, ['secrets', 0], /is no base64.*as the sender shows/],
    ['no key', { preset: 'standard-webhooks', keys: ['literal:whpk_AAAA'] }, ['keys', 0], /public key/],
    ['a parameter too many', { preset: 'github', header: 'X', secrets }, ['header'], /takes no header/],
    ['a parameter missing', { preset: 'hmac', secrets }, [], /needs header/],
    ['a parameter of presets', { scheme: { signature: { header: 'X', algorithm: 'token' } }, prefix: 'a', secrets }, ['prefix'], /inside scheme/],
    ['a bad template', { preset: 'hmac', header: 'X', template: '{bdy}', secrets }, ['scheme', 'message'], /no placeholder \{bdy\}/],
    ['no public URL', { preset: 'hmac', header: 'X', template: '{url}{body}', secrets }, [], /publicUrl is missing/],
    ['no URL', { preset: 'hmac', header: 'X', template: '{url}', publicUrl: 'hooks', secrets }, ['publicUrl'], /is no URL/],
  ]
  for (const [name, written, path, text] of cases) {
    const tools = toolsFor(name === 'short' ? environment : {})
    signature.compile(signature.schema.parse(written), tools)
    t.same(tools.told[0]?.path, path, name)
    t.match(`${tools.told[0]?.what} ${tools.told[0]?.mend}`, text, name)
  }
  const tools = toolsFor(environment)
  t.equal(signature.compile(signature.schema.parse({ preset: 'github', shortSecrets: 'allow', secrets: ['env:short'] }), tools).length, 1)
  t.same(tools.told, [])
})

t.test('the headers that decide', async (t) => {
  const reads = (written: unknown) => signature.reads?.(signature.schema.parse(written))
  t.same(reads({ preset: 'github' }), ['x-hub-signature-256'])
  t.same(reads({ preset: 'standard-webhooks' }), ['webhook-signature', 'webhook-timestamp', 'webhook-id'])
  t.equal(reads({ preset: 'docusign' })?.length, 100)
  t.same(reads({ preset: 'hmac', header: 'X-S', template: '{header:X-Time}{body}' }), ['x-s', 'x-time'])
  t.same(reads({ preset: 'no-such' }), [])
})
