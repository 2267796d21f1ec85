import t from 'tap'
import { run } from '../support/binary.ts'
import { makeSite } from '../support/site.ts'

const policy = JSON.stringify({
  listeners: [{ address: '127.0.0.1:0', tls: { certificate: 'server.pem', key: 'server.key' } }],
  receivers: { target: { url: 'http://127.0.0.1:1' } },
  routes: [{ name: 'a', match: { path: '/a' }, signature: { preset: 'github', secrets: ['env:A_SECRET'] }, forward: { to: 'target' } }],
})

const good = 'a signed one passes \\# and so on'
const cases = (reason: string): string => `
environment: { A_SECRET: "a secret of the tests, long enough" }
tests:
  - name: 'a signed one passes # and so on'
    request: { url: "https://localhost/a", body: "{}" }
    sign: { preset: github, secret: "env:A_SECRET" }
    expect: { verdict: accepted, route: a }
  - name: an unsigned one
    request: { url: "https://localhost/a", body: "{}" }
    expect: { verdict: refused, reason: ${reason} }
`

void t.test('TAP on standard output, and 0 where everything holds', async (t) => {
  const site = await makeSite(t)
  site.write('policy.yaml', policy)
  site.write('good.yaml', cases('signature-missing'))
  const twice = await run(['test', '-c', 'policy.yaml', 'good.yaml', 'good.yaml'], { cwd: site.directory })
  const lines = [1, 3].map((at) => `ok ${at} - ${good}\nok ${at + 1} - an unsigned one\n`)
  t.same(twice, { code: 0, signal: null, stderr: '', stdout: `TAP version 14\n1..4\n${lines.join('')}` }, 'several files are one stream; each begins with no nonces')
})

void t.test('what differs stands below its case, and the exit code is 1', async (t) => {
  const site = await makeSite(t)
  site.write('policy.yaml', policy)
  site.write('bad.yaml', cases('no-route'))
  t.same(await run(['test', '-c', 'policy.yaml', 'bad.yaml'], { cwd: site.directory }), {
    code: 1, signal: null, stderr: '',
    stdout: `TAP version 14\n1..2\nok 1 - ${good}\nnot ok 2 - an unsigned one\n  ---\n  - "reason is signature-missing, expected no-route"\n  ...\n`,
  })
})

void t.test('a file that cannot be run is told without a stack trace, and no test counts as passed', async (t) => {
  const site = await makeSite(t)
  site.write('policy.yaml', policy)
  site.write('good.yaml', cases('signature-missing'))
  site.write('broken.yaml', 'tests: [')
  const { code, stdout, stderr } = await run(['test', '-c', 'policy.yaml', 'good.yaml', 'broken.yaml'], { cwd: site.directory })
  t.same({ code, stdout }, { code: 1, stdout: '' })
  t.match(stderr, /^broken\.yaml: .*line 1, column/)
  t.notMatch(stderr, /\n\s+at /)
})
