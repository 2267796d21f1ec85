import t from 'tap'
import { Headers } from '../../src/core/headers.ts'
import { compileScheme } from '../../src/schemes/compile.ts'
import { presetNames, resolvePreset } from '../../src/schemes/presets.ts'
import { signaturesOf } from '../../src/schemes/plan.ts'
import { algorithm } from '../../src/schemes/algorithms/index.ts'
import { compileSender, printRequest, type Order, type SignedRequest } from '../../src/send/sender.ts'
import { isInBody } from '../../src/schemes/source.ts'

const url = new URL('https://hooks.example.com/in?x=1')
const at = Date.UTC(2026, 10, 23)
const secret = Buffer.from(Buffer.from('a secret of the tests, long enough').toString('hex'))
const order: Order = { method: 'POST', headers: [], body: Buffer.from('{"id":"evt_1"}'), at, id: 'msg_1', tamper: undefined }

function verify(preset: string, request: SignedRequest) {
  const resolved = resolvePreset(preset)
  if (resolved === undefined || !('document' in resolved)) throw new Error(preset)
  const keys = { secrets: [{ reference: 'env:S', id: undefined, bytes: secret, path: [] }], keys: [] }
  const scheme = compileScheme(resolved.document, keys, { publicUrl: url.href }, ({ what }) => { throw new Error(what) })
  const [path = '', query] = request.target.split('?')
  return scheme?.verify({ method: request.method, path, query, headers: new Headers(request.rawHeaders), body: request.body, at })
}

/** Presets that one shared secret signs outside the body, without parameters. */
const simple = presetNames().filter((name) => {
  const resolved = resolvePreset(name)
  if (resolved === undefined || !('document' in resolved) || resolved.document.keyId !== undefined) return false
  const { timestamp } = resolved.document
  // A time inside the body is the body's business.
  if (timestamp !== undefined && isInBody(timestamp)) return false
  const signatures = signaturesOf(resolved.document)
  return signatures.length > 0 && signatures.every((one) => algorithm(one.algorithm)?.keys === 'secret' && !isInBody(one))
    && signatures.every(({ key }) => key === undefined || key.form === 'text' || key.form === 'hex')
    && compileSender({ preset: name, parameters: {}, secret, url }) instanceof Function
})

void t.test('what is sent verifies, and what is tampered with does not', async (t) => {
  t.ok(simple.includes('github') && simple.includes('slack') && simple.includes('stripe'))
  for (const preset of simple) {
    const sender = compileSender({ preset, parameters: {}, secret, url })
    if ('mistake' in sender) throw new Error(sender.mistake)
    const signed = sender(order)
    if ('mistake' in signed) continue
    t.match(await verify(preset, signed), { verdict: 'pass' }, preset)
    for (const how of ['signature', 'timestamp'] as const) {
      const changed = sender({ ...order, tamper: how })
      if (!('mistake' in changed)) t.match(await verify(preset, changed), { verdict: 'refuse' }, `${preset}: ${how}`)
    }
  }
})

void t.test('a changed body is refused', async (t) => {
  const sender = compileSender({ preset: 'github', parameters: {}, secret, url })
  if ('mistake' in sender) throw new Error(sender.mistake)
  const changed = sender({ ...order, tamper: 'body' })
  if ('mistake' in changed) throw new Error(changed.mistake)
  t.not(Buffer.compare(changed.body, order.body), 0)
  t.match(await verify('github', changed), { verdict: 'refuse', reason: 'signature-mismatch' })
  const empty = sender({ ...order, body: Buffer.alloc(0), tamper: 'body' })
  t.match(empty, { rawHeaders: ['Host', 'hooks.example.com', 'Content-Type', 'application/json', 'Content-Length', '1'] })
})

void t.test('a request is printed as it goes on the wire', (t) => {
  const sender = compileSender({ preset: 'hmac', parameters: { header: 'X-Sig' }, secret, url })
  if ('mistake' in sender) throw new Error(sender.mistake)
  const signed = sender({ ...order, headers: ['X-A', '1'] })
  if ('mistake' in signed) throw new Error(signed.mistake)
  const printed = Buffer.from(printRequest(signed)).toString('latin1')
  t.match(printed, /^POST \/in\?x=1 HTTP\/1\.1\r\nHost: hooks\.example\.com\r\nContent-Type: application\/json\r\nContent-Length: 14\r\nX-A: 1\r\nX-Sig: [0-9a-f]{64}\r\n\r\n\{"id":"evt_1"\}$/)
  t.end()
})

const mistakes: [string, Parameters<typeof compileSender>[0], RegExp][] = [
  ['an unknown preset', { preset: 'githb', parameters: {}, secret, url }, /did you mean github/],
  ['a parameter that is missing', { preset: 'hmac', parameters: {}, secret, url }, /--set header=/],
  ['a parameter that is not taken', { preset: 'github', parameters: { header: 'X' }, secret, url }, /takes no header/],
  ['an empty secret', { preset: 'github', parameters: {}, secret: Buffer.alloc(0), url }, /empty/],
]
for (const [name, settings, expected] of mistakes) t.match((compileSender(settings) as { mistake?: string }).mistake, expected, name)

void t.test('no timestamp to tamper with is said', (t) => {
  const sender = compileSender({ preset: 'github', parameters: {}, secret, url })
  if ('mistake' in sender) throw new Error(sender.mistake)
  t.match(sender({ ...order, tamper: 'timestamp' }), { mistake: /no timestamp/ })
  t.end()
})
