import { createHmac } from 'node:crypto'
import { existsSync, readFileSync, renameSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { operate, type Operated } from '../support/operated.ts'
import { answer, startReceiver } from '../support/receiver.ts'

/** Runs every kind of delivery with values that can be recognised, and looks for them in everything that was written. */

const secrets = { github: 'SECRET-github-0123456789', stripe: 'whsec_SECRETstripe0123456789', basic: 'SECRET-basic-0123456789', slack: 'SECRET-slack-0123456789' }
const body = '{"card":"BODY-4242424242424242"}'
const mac = (secret: string, text: string): string => createHmac('sha256', secret).update(text).digest('hex')
const now = (): number => Math.floor(Date.now() / 1000)

function request(path: string, headers: readonly string[], content = body): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${content.length}\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n${content}`
}

const basic = (password: string): string => `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`

function deliveries(): readonly string[] {
  const at = now()
  const good = mac(secrets.github, body)
  const stripe = mac(secrets.stripe, `${at}.${body}`)
  return [
    request('/github', [`X-Hub-Signature-256: sha256=${good}`]), request('/github', [`X-Hub-Signature-256: sha256=${good}`]),
    request('/github', [`X-Hub-Signature-256: sha256=${mac('another', body)}`]), request('/github', ['X-Hub-Signature-256: sha256=SIGNATURE-junk']),
    request('/github', [`X-Hub-Signature-256: sha256=${good}`, `X-Hub-Signature-256: sha256=${good}`]),
    request('/stripe', [`Stripe-Signature: t=${at},v1=${stripe}`]), request('/stripe', [`Stripe-Signature: t=${at - 9_999},v1=${mac(secrets.stripe, `${at - 9_999}.${body}`)}`]),
    request('/stripe', [`Stripe-Signature: t=SIGNATURE-time,v1=${stripe}`]), request('/stripe', [`Stripe-Signature: t=${at},v1=${stripe}`], `${body} changed`),
    request('/basic', [`Authorization: ${basic(secrets.basic)}`]), request('/basic', [`Authorization: ${basic('SECRET-guess')}`]),
    request('/basic', ['Authorization: Basic SIGNATURE!!']), request('/basic', []),
    request(`/nowhere?token=${secrets.slack}`, [`X-Slack-Signature: v0=${good}`, `Cookie: ${secrets.slack}`]),
    request('/github', [`Bad Name: ${secrets.slack}`]),
  ]
}

const forbidden = (): readonly string[] => {
  const macs = [mac(secrets.github, body), mac('another', body)]
  const plain = [...Object.values(secrets), 'BODY-4242', 'SIGNATURE', 'SECRET-', ...macs, basic(secrets.basic).slice(6), basic('SECRET-guess').slice(6)]
  return [...plain, ...Object.values(secrets).map((secret) => Buffer.from(secret).toString('base64').replace(/=+$/, '')), ...macs.map((text) => Buffer.from(text, 'hex').toString('base64'))]
}

async function send(gateway: Operated, bytes: string): Promise<string> {
  const client = await gateway.connect()
  const { line, headers, body } = await client.send(bytes).response()
  client.close()
  return `${line}\n${headers.join('\n')}\n${body.toString('latin1')}`
}

void t.test('no secret, signature or body is in audit, log or response', async (t) => {
  const receiver = await startReceiver({ script: answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok') })
  t.teardown(() => receiver.close())
  const route = (name: string, check: Record<string, unknown>): Record<string, unknown> => ({ name, match: { path: `/${name}` }, ...check, forward: { to: 'target' } })
  const routes = [
    route('github', { signature: { preset: 'github', secrets: ['env:GITHUB'] }, replay: {} }), route('stripe', { signature: { preset: 'stripe', secrets: ['env:STRIPE'] }, replay: {} }),
    route('basic', { basic: { users: { alice: 'env:BASIC' } } }),
  ]
  const env = { GITHUB: secrets.github, STRIPE: secrets.stripe, BASIC: secrets.basic }
  const gateway = await operate(t, receiver.port, { routes, log: { level: 'debug', audit: 'file:audit.log' } }, env)
  const log = resolve(gateway.site.directory, 'audit.log')
  const sent = deliveries()
  const answers: string[] = []
  for (const bytes of sent) answers.push(await send(gateway, bytes))

  // An operator who writes the secret itself where its name belongs is not quoted.
  gateway.write({ ...gateway.settings, routes: [route('github', { signature: { preset: 'github', secrets: [secrets.github] } })] })
  gateway.process.kill('SIGHUP')
  await gateway.says(/reload refused/)

  renameSync(log, `${log}.1`)
  gateway.process.kill('SIGHUP')
  await gateway.says(/reload refused[^]*reload refused/)
  answers.push(await send(gateway, sent[0] ?? ''))
  gateway.process.kill('SIGTERM')
  t.equal((await gateway.exited).code, 0)
  t.ok(existsSync(log), 'SIGHUP opens the audit log anew after a rotation')
  t.equal(readFileSync(log, 'utf8').trimEnd().split('\n').length, 1)
  t.equal(readFileSync(`${log}.1`, 'utf8').trimEnd().split('\n').length, sent.length, 'one record a decision')

  const written = [...answers, gateway.output(), readFileSync(log, 'utf8'), readFileSync(`${log}.1`, 'utf8')].join('\n')
  t.match(answers.map((text) => text.slice(9, 12)), ['200', '409', '401', '401', '400', '200', '401', '401', '401', '200', '401', '401', '401', '404', '400', '409'])
  for (const text of forbidden()) t.notOk(written.includes(text), `${text.slice(0, 12)}… is nowhere`)
})
