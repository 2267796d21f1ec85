import t, { type Test } from 'tap'
import { main } from '../../src/cli/index.ts'
import { presetFacts } from '../../src/schemes/preset-facts.ts'
import { presetNames } from '../../src/schemes/presets.ts'

/** The command as a user calls it, in this process. */
async function presets(t: Test, ...args: readonly string[]) {
  const [out, err] = [t.capture(process.stdout, 'write', () => true), t.capture(process.stderr, 'write', () => true)]
  const status = await main(['node', 'sallyport', 'presets', ...args])
  const [stdout = '', stderr = ''] = [out, err].map((captured) => captured().map((call) => String(call.args[0])).join(''))
  out.restore()
  err.restore()
  return { status, stdout, stderr }
}

t.test('all of them, in a table', async (t) => {
  const { status, stdout } = await presets(t)
  const [head = '', ...rows] = stdout.split('\n')
  t.equal(status, 0)
  for (const name of presetNames()) t.ok(rows.some((row) => row.startsWith(`${name} `)), name)
  const column = head.indexOf('SENDER')
  t.ok(rows.slice(0, presetNames().length).every((row) => row[column - 1] === ' ' && row[column] !== ' '), 'the columns stand under each other')
  t.match(stdout, /^stripe +hmac +sdk +resign +Stripe$/m)
  t.match(stdout, /^telegram +token +document +repeat +token only, no time, no id +Telegram Bot API$/m)
  t.match(stdout, new RegExp(`\n${presetNames().length} presets;`))
})

t.test('one in full', async (t) => {
  const cases: [string, readonly RegExp[]][] = [
    ['stripe', [/^stripe: Stripe\n/, /signs +body, time, id/, /secrets +text/, /preset: stripe, secrets: \["env:STRIPE_SECRET"\]/, /message: "\{timestamp\}\.\{body\}"/]],
    ['svix', [/webhook|svix-signature/, /secrets +base64, whsec_…/, /keys +base64, whpk_…/]],
    ['square', [/signs +body, id, url/, /publicUrl: https:/]],
    ['pusher', [/secrets: \[\{ id: "[^"]+", secret: "env:PUSHER_SECRET" \}\]/]],
    ['wise', [/asymmetric/, /keys: \["env:WISE_KEY"\]/]],
    ['hmac', [/header: The header of the signature\.$/m, /template: .*left out: "\{body\}"/, /preset: hmac, header: X-Example/]],
    ['sns', [/asymmetric/, /preset: sns, topics: …, publicUrl|preset: sns, topics: … \}/]],
    ['twilio', [/signs +body, url/, /publicUrl: https:.*secrets: \["env:TWILIO_SECRET"\]/]],
    ['google-project-hosting', [/left open:\n +- /]],
  ]
  for (const [name, patterns] of cases) {
    const { status, stdout } = await presets(t, name)
    t.equal(status, 0, name)
    for (const pattern of patterns) t.match(stdout, pattern, `${name}: ${pattern}`)
  }
})

t.test('for programs', async (t) => {
  const all = JSON.parse((await presets(t, '--json')).stdout) as { name: string, strength: string }[]
  t.same(all.map(({ name }) => name), presetNames())
  t.match(all.find(({ name }) => name === 'gitlab'), { strength: 'token', signs: [], open: ['token only', 'no time', 'no id'] })
  t.match(JSON.parse((await presets(t, 'github', '--json')).stdout), {
    name: 'github', strength: 'hmac', verifiedWith: 'vector', keys: [{ under: 'secrets', form: 'text' }],
    scheme: { signature: { header: 'X-Hub-Signature-256', algorithm: 'hmac-sha256' } },
  })
})

t.test('a name that does not exist', async (t) => {
  t.match(await presets(t, 'strpe'), { status: 1, stdout: '', stderr: /no preset "strpe"; did you mean stripe/ })
  t.match(await presets(t, 'qqqqqqqqqqqqqq'), { status: 1, stderr: /`sallyport presets` lists them/ })
  t.match(await presets(t, '../../package'), { status: 1 })
})

t.test('help, with examples', async (t) => {
  t.match(await presets(t, '--help'), { status: 0, stdout: /Examples:\n  sallyport presets\n/ })
})

t.test('strength is the one of the weakest signature, and what is open is told', async (t) => {
  const cases: [string, string, readonly string[]][] = [
    ['discord', 'asymmetric', ['no tolerance']],
    ['standard-webhooks', 'hmac', []],
    ['hubspot-v1', 'hash', ['no time', 'no id']],
    ['intercom', 'hmac', ['no time', 'SHA-1']],
    ['mailgun', 'hmac', ['body unsigned', 'no tolerance']],
    ['twilio', 'hmac', ['no time', 'no id', 'SHA-1']],
    ['adyen', 'hmac', ['body in part', 'no time', 'no id']],
    ['paypal', 'asymmetric', ['body in part']],
    ['google-pubsub', 'asymmetric', ['body unsigned', 'no time', 'no id']],
    ['rfc9421', 'asymmetric', []],
    ['figma', 'token', ['token only', 'no time', 'no id', 'lands in logs']],
    ['google-project-hosting', 'hmac', ['retired', 'no time', 'no id', 'MD5']],
  ]
  for (const [name, strength, open] of cases) t.match(presetFacts(name), { strength, open }, name)
  t.equal(presetFacts('no-such-sender'), undefined)
})
