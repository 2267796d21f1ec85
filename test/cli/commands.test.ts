import { readFileSync } from 'node:fs'
import t from 'tap'
import { program } from '../../src/cli/index.ts'
import { run } from '../support/binary.ts'
import { makeSite } from '../support/site.ts'

void t.test('the help of every command has examples, and each example is a command of ours', async (t) => {
  const whole = await program()
  const names = whole.commands.map((command) => command.name())
  for (const name of ['run', 'check', 'presets', 'certs', 'schema']) t.ok(names.includes(name), name)
  for (const command of whole.commands) {
    let help = ''
    command.configureOutput({ writeOut: (text) => { help += text } }).outputHelp()
    t.match(help, /Examples?:\n(.*\n)*.*sallyport /, `${command.name()} --help`)
    for (const [, used] of help.matchAll(/^ {2}(?:[A-Z0-9]+=\S+ )?sallyport ([a-z]+)/gm)) t.ok(names.includes(used ?? ''), `${used} is a command`)
  }
  const { stdout, code } = await run(['--help'])
  t.equal(code, 0)
  for (const name of names) t.match(stdout, new RegExp(`^  ${name} `, 'm'))
})

void t.test('defaults are shown as one would write them', async (t) => {
  for (const command of ['init', 'issue', 'revoke', 'renew-crl']) {
    const { stdout } = await run(['certs', command, '--help'])
    t.match(stdout, /days <days> .*\(default: \d{2,4}\)/, command)
    t.notMatch(stdout, /default: \d{5}/, command)
  }
})

void t.test('the version is that of the package', async (t) => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  for (const flag of ['--version', '-V']) t.match(await run([flag]), { code: 0, stdout: `${version}\n`, stderr: '' })
})

void t.test('mistakes in calling are told without a stack trace', async (t) => {
  for (const [args, said] of [
    [['chek'], /unknown command 'chek'\n\(Did you mean check\?\)/], [['check', '--colour'], /unknown option '--colour'/],
    [['check', '-c', 'nowhere.yaml'], /^nowhere\.yaml:1:1: the configuration file does not exist, name it with -c FILE\n$/],
    [['run', '-c', 'nowhere.yaml'], /^nowhere\.yaml:1:1: the configuration file does not exist, name it with -c FILE\n$/],
  ] as const) {
    const { code, stderr } = await run(args)
    t.equal(code, 1, args.join(' '))
    t.match(stderr, said)
    t.notMatch(stderr, /\n\s+at /)
  }
})

void t.test('check tells every error at its place and exits 1; a good file exits 0', async (t) => {
  const site = await makeSite(t)
  const good = {
    listeners: [{ address: '127.0.0.1:0', tls: { certificate: 'server.pem', key: 'server.key' } }],
    receivers: { target: { url: 'http://127.0.0.1:1' } },
    routes: [{ name: 'a', match: { path: '/a' }, signature: { preset: 'github', secrets: ['file:secret.txt'] }, forward: { to: 'target' } }],
  }
  site.write('good.yaml', JSON.stringify(good))
  t.match(await run(['check', '-c', 'good.yaml'], { cwd: site.directory }), { code: 0, stdout: 'good.yaml: good; listeners 1, routes 1\n', stderr: '' })
  site.write('bad.yaml', `listeners: []\nreceivers: {}\nroutes:\n  - { name: a, match: { path: /a }, forward: { to: x } }\n`)
  const { code, stdout, stderr } = await run(['check', '-c', 'bad.yaml'], { cwd: site.directory })
  t.match({ code, stdout }, { code: 1, stdout: '' })
  for (const line of stderr.trimEnd().split('\n')) t.match(line, /^bad\.yaml:\d+:\d+ [a-z][\w.[\]]*: .+, .+$/)
})

void t.test('schema prints a JSON Schema with every key described or typed', async (t) => {
  const { code, stdout } = await run(['schema'])
  t.equal(code, 0)
  t.match(JSON.parse(stdout), { title: 'Sallyport configuration', type: 'object', additionalProperties: false, properties: { routes: { type: 'array' } } })
})
