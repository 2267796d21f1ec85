import { resolve } from 'node:path'
import t from 'tap'
import { runPolicyTests } from '../../src/explain/policy-test.ts'
import { makePki } from '../support/pki.ts'
import { stillWorld } from '../support/world.ts'

const cases = `
now: 2026-11-23T12:00:00Z
environment: { SECRET: "a secret of the tests, long enough" }
tests:
  - name: a signed delivery passes
    request: { url: "https://localhost/stripe", body: '{"id":"evt_1"}' }
    sign: { preset: stripe, secret: env:SECRET }
    from: 203.0.113.7
    expect: { verdict: accepted, route: stripe }
  - name: the same again is acknowledged or refused, never forwarded
    request: { url: "https://localhost/stripe", body: '{"id":"evt_1"}' }
    sign: { preset: stripe, secret: env:SECRET }
    from: 203.0.113.7
    expect: { verdict: refused, reason: replayed, status: 409 }
  - name: another address does not pass
    request: { url: "https://localhost/stripe", body: '{"id":"evt_2"}' }
    sign: { preset: stripe, secret: env:SECRET }
    from: 198.51.100.1
    expect: { verdict: refused, reason: source-not-allowed }
  - name: a changed body does not pass
    request: { url: "https://localhost/stripe", body: '{"id":"evt_3"}' }
    sign: { preset: stripe, secret: env:SECRET, tamper: body }
    from: 203.0.113.7
    expect: { verdict: refused, reason: signature-mismatch }
  - name: an old one does not pass
    request: { url: "https://localhost/stripe", body: '{"id":"evt_4"}' }
    sign: { preset: stripe, secret: env:SECRET, at: 2026-11-23T11:00:00Z }
    from: 203.0.113.7
    expect: { verdict: refused, reason: timestamp-expired }
  - name: a recorded one
    file: recorded.http
    expect: { verdict: refused, reason: no-route, status: 404 }
`

async function files(t: { testdir: (files: Record<string, string>) => string }, tests: string): Promise<[string, string]> {
  const { ca } = await makePki()
  const server = await ca.server()
  const directory = t.testdir({
    'server.pem': server.chain, 'server.key': server.key, 'tests.yaml': tests, 'recorded.http': 'GET /other HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'sallyport.yaml': JSON.stringify({
      listeners: [{ address: '127.0.0.1:0', tls: { certificate: 'server.pem', key: 'server.key' } }],
      receivers: { target: { url: 'http://127.0.0.1:1' } },
      routes: [{
        name: 'stripe', match: { path: '/stripe' }, from: ['203.0.113.0/24'], signature: { preset: 'stripe', secrets: ['env:SECRET'] },
        replay: { onReplay: 'refuse' }, forward: { to: 'target' },
      }],
    }),
  })
  return [resolve(directory, 'tests.yaml'), resolve(directory, 'sallyport.yaml')]
}

void t.test('cases that hold', async (t) => {
  const results = await runPolicyTests(...await files(t, cases), stillWorld())
  t.same(results, [
    'a signed delivery passes', 'the same again is acknowledged or refused, never forwarded', 'another address does not pass',
    'a changed body does not pass', 'an old one does not pass', 'a recorded one',
  ].map((name) => ({ name, differences: [] })))
})

void t.test('cases that do not hold say what differs', async (t) => {
  const [file, configuration] = await files(t, cases.replace('reason: timestamp-expired', 'reason: replayed').replace('status: 404', 'status: 403'))
  const results = await runPolicyTests(file, configuration, stillWorld())
  t.match(results, [{ differences: [] }, {}, {}, {}, { differences: ['reason is timestamp-expired, expected replayed'] }, { differences: ['status is 404, expected 403'] }])
})

void t.test('a file that is none', async (t) => {
  t.match(await runPolicyTests(...await files(t, 'now: never\ntests: []'), stillWorld()), { mistake: String })
  t.match(await runPolicyTests(...await files(t, 'tests: ['), stillWorld()), { mistake: /tests\.yaml: .*line 1/ })
  t.match(await runPolicyTests(...await files(t, `${cases}\ncolour: red`), stillWorld()), { mistake: /"colour"/ })
  t.match(await runPolicyTests(...await files(t, 'now: never\ntests: [{ name: a, file: b, expect: { verdict: accepted } }]'), stillWorld()), { mistake: /no time/ })
})

void t.test('times may be told from now, which is the clock\'s where the file names none', async (t) => {
  const signed = (at: string, signedAt: string): string => `{ name: "${at} ${signedAt}", at: "${at}", from: 203.0.113.7, expect: { verdict: accepted },
    request: { url: "https://localhost/stripe", body: '{"id":"${at} ${signedAt}"}' }, sign: { preset: stripe, secret: env:SECRET, at: "${signedAt}" } }`
  const text = `environment: { SECRET: "a secret of the tests, long enough" }
tests: [${[signed('-1h', '-1h'), signed('+1h', '+59m'), signed('+0s', '-6m'), signed('soon', '+0s')].join(', ')}]`
  const results = await runPolicyTests(...await files(t, text), stillWorld())
  t.match(results, [
    { differences: [] }, { differences: [] }, { differences: [/^verdict is refused/] }, { differences: [/at: soon is no time/] },
  ])
})

void t.test('a case whose files are missing fails by itself, the others run', async (t) => {
  const text = `tests:
  - { name: no certificate file, certificate: nowhere.pem, request: { url: "https://localhost/x" }, expect: { verdict: refused } }
  - { name: no recording, file: nowhere.http, expect: { verdict: refused } }
  - { name: no route, request: { url: "https://localhost/x" }, expect: { verdict: refused, reason: no-route } }
`
  const [file, configuration] = await files(t, `environment: { SECRET: "a secret of the tests, long enough" }\n${text}`)
  t.match(await runPolicyTests(file, configuration, stillWorld()), [
    { differences: [/^certificate: nowhere\.pem cannot be read: /] }, { differences: [/nowhere\.http does not exist/] }, { differences: [] },
  ])
})
