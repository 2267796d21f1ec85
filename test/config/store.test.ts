import { join } from 'node:path'
import t from 'tap'
import { ConfigurationFiles } from '../../src/config/files.ts'
import { configuration, type Settings } from '../../src/config/schema.ts'
import { compileStore } from '../../src/config/store.ts'
import type { Problem } from '../../src/core/plan.ts'

const pem = '-----BEGIN CERTIFICATE-----\n'
const directory = t.testdir({ 'ca.pem': pem, 'own.pem': pem, 'own.key': pem, 'no.pem': 'text', password: 'from a file\n' })

function compile(written: Record<string, unknown>) {
  const problems: Problem[] = []
  const files = new ConfigurationFiles(join(directory, 'sallyport.yaml'))
  const settings = configuration.shape.replay.parse(written) as Settings['replay']
  const plan = compileStore(settings, files, (name) => (name === 'PASSWORD' ? 'from the environment' : undefined), (problem) => { problems.push(problem) })
  return { plan, problems }
}

t.match(compile({}), { plan: { url: `file:${join(directory, '../data/nonces')}`, timeout: 250, onFailure: 'refuse' }, problems: [] }, 'the default')

t.match(compile({
  store: 'rediss://h', user: 'u', password: 'env:PASSWORD', timeout: '1s', onStoreFailure: 'local',
  tls: { ca: 'ca.pem', certificate: 'own.pem', key: 'own.key' },
}), {
  plan: { url: 'rediss://h', user: 'u', password: 'from the environment', timeout: 1000, onFailure: 'local', tls: { ca: pem, certificate: pem, key: pem } },
  problems: [],
}, 'everything')

t.equal(compile({ store: 'redis://h', password: 'file:password' }).plan.password, 'from a file')

const mistakes: [string, Record<string, unknown>, Problem['path'], RegExp][] = [
  ['a password written out', { store: 'redis://h', password: 'secret' }, ['replay', 'password'], /stands here as text/],
  ['a password that is not set', { store: 'redis://h', password: 'env:NONE' }, ['replay', 'password'], /not set/],
  ['no such file', { store: 'rediss://h', tls: { ca: 'none.pem' } }, ['replay', 'tls', 'ca'], /does not exist/],
  ['a file without PEM', { store: 'rediss://h', tls: { key: 'no.pem' } }, ['replay', 'tls', 'key'], /holds no PEM/],
  ['TLS in plain', { store: 'redis://h', tls: {} }, ['replay', 'tls'], /in plain/],
  ['a user of a file', { user: 'u' }, ['replay', 'user'], /no server/],
  ['a stand-in for memory', { store: 'memory:', onStoreFailure: 'local' }, ['replay', 'onStoreFailure'], /no server/],
]
for (const [name, written, path, what] of mistakes) {
  t.match(compile(written).problems, [{ path, what }], name)
}
