import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { main } from '../../src/cli/index.ts'

/** The command as a user calls it, in this process. */
async function certs(t: Test, directory: string, args: readonly string[]) {
  const [out, err] = [t.capture(process.stdout, 'write', () => true), t.capture(process.stderr, 'write', () => true)]
  const status = await main(['node', 'sallyport', 'certs', ...args, '--dir', join(directory, 'certs')])
  const [stdout, stderr] = [out, err].map((captured) => captured().map((call) => String(call.args[0])).join(''))
  out.restore()
  err.restore()
  return { status, stdout, stderr }
}

t.test('init, issue, revoke, list', async (t) => {
  const directory = t.testdir({ 'password.txt': 'from a file\n' })
  process.env['P12'] = 'from the environment'
  const run = (...args: string[]) => certs(t, directory, args)
  t.match(await run('init', '--cn', 'Example CA'), { status: 0, stdout: /made .*certs\/ca\.pem/ })
  t.match(await run('issue', 'server', '--san', 'dns:hooks.example.com', '--san', 'ip:192.0.2.1'), { status: 0 })
  t.match(await run('issue', 'sender', '--name', 'a', '--san', 'dns:a.example', '--p12', 'env:P12'), { status: 0 })
  t.match(await run('issue', 'sender', '--name', 'b', '--cn', 'b', '--o', 'B', '--p12', `file:${join(directory, 'password.txt')}`), { status: 0 })
  for (const [name, password] of [['a', 'from the environment'], ['b', 'from a file']] as const) {
    execFileSync('openssl', ['pkcs12', '-in', join(directory, 'certs', `${name}.p12`), '-passin', `pass:${password}`, '-nokeys'], { stdio: 'ignore' })
  }
  t.match(await run('revoke', 'a', '--reason', 'superseded'), { status: 0, stdout: /^revoked [0-9a-f]{32}/ })
  t.match(await run('renew-crl'), { status: 0 })
  const listed: unknown = JSON.parse((await run('list', '--json')).stdout ?? '')
  t.match(listed, [{ file: 'a.pem', state: 'revoked' }, { file: 'b.pem', subject: 'CN=b, O=B' }, { file: 'ca.pem' }, { names: 'DNS:hooks.example.com, IP Address:192.0.2.1' }])
  t.match((await run('list')).stdout, /b\.pem +sender +valid/)
  t.notMatch(readFileSync(join(directory, 'certs/ca.pem'), 'utf8'), /PRIVATE/)
})

t.test('mistakes are told in a sentence, exit 1', async (t) => {
  const directory = t.testdir({ 'empty.txt': '\n' })
  t.equal((await certs(t, directory, ['init'])).status, 0)
  const rows: [string[], RegExp][] = [
    [['init'], /there already/], [['issue', 'server'], /--san/], [['issue', 'client'], /server, sender/], [['issue', 'sender', '--san', 'a.example'], /no name/],
    [['issue', 'sender', '--name', '../x'], /cannot be a file/], [['issue', 'sender', '--name', 'ca'], /cannot be a file/],
    [['issue', 'sender', '--p12', 'secret'], /env:NAME or file:PATH/], [['issue', 'sender', '--p12', 'env:NO_SUCH_VARIABLE'], /empty or not set/],
    [['issue', 'sender', '--p12', `file:${join(directory, 'empty.txt')}`], /empty or not set/], [['issue', 'sender', '--days', '0'], /number of days/],
    [['issue', 'sender', '--days', '1e3'], /number of days/], [['revoke', 'nobody'], /no certificate/], [['revoke', 'ca', '--reason', 'x'], /Allowed choices/],
    [['issue', 'sender', '--p12', 'file:nowhere'], /ENOENT/], [['nonsense'], /unknown command|too many/],
  ]
  for (const [args, message] of rows) {
    const { status, stdout, stderr } = await certs(t, directory, args)
    t.equal(status, 1, args.join(' '))
    t.match(stderr, message, args.join(' '))
    t.notMatch(stderr, / {4}at /, `${args.join(' ')}: no stack trace`)
    t.equal(stdout, '')
  }
  t.notOk(existsSync(join(directory, 'certs/sender.key')), 'nothing was issued')
})
