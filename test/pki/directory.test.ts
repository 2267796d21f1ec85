import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeDevelopmentCertificates } from '../../src/pki/development.ts'
import { PkiDirectory, PkiError } from '../../src/pki/directory.ts'
import { readRevocationList } from '../../src/pki/revocation-list.ts'
import { day } from '../support/pki.ts'

const now = Date.now()
const sender = { name: 'sender', role: 'sender', subject: { CN: 'x' }, names: ['dns:a.example'], kind: 'ec', lifetime: day } as const

async function made(path: string): Promise<PkiDirectory> {
  const directory = new PkiDirectory(path)
  await directory.init({ CN: 'Test CA' }, 'ec', 10 * day, day, now)
  return directory
}

t.test('an authority is made once, its key is nobody else\'s', async (t) => {
  const directory = await made(join(t.testdir({}), 'new'))
  t.equal(statSync(directory.file('ca.key')).mode & 0o777, 0o600)
  t.equal(statSync(directory.file('ca.pem')).mode & 0o777, 0o644)
  await t.rejects(directory.init({ CN: 'x' }, 'ec', day, day, now), { name: 'PkiError', message: /there already/ })
  t.match(new X509Certificate(readFileSync(directory.file('ca.pem'))).subject, 'CN=Test CA')
  t.notOk(readdirSync(directory.path).some((file) => file.endsWith('.new')), 'no drafts are left')
})

t.test('certificates, their keys and bundles', async (t) => {
  const directory = await made(t.testdir({}))
  for (const kind of ['ec', 'rsa'] as const) {
    await directory.issue({ ...sender, name: kind, kind, password: 'pass wörd' }, now, 'keep')
    t.equal(statSync(directory.file(`${kind}.key`)).mode & 0o777, 0o600)
    t.equal(statSync(directory.file(`${kind}.p12`)).mode & 0o777, 0o600)
    const printed = execFileSync('openssl', ['pkcs12', '-in', directory.file(`${kind}.p12`), '-passin', 'pass:pass wörd', '-nodes'], { encoding: 'utf8' })
    t.equal(printed.match(/BEGIN CERTIFICATE/g)?.length, 2, 'leaf and authority')
    t.match(printed, /friendlyName: (ec|rsa)/)
    t.ok(printed.includes('BEGIN PRIVATE KEY'))
    t.throws(() => execFileSync('openssl', ['pkcs12', '-in', directory.file(`${kind}.p12`), '-passin', 'pass:wrong', '-nodes'], { stdio: 'ignore' }))
  }
  await t.rejects(directory.issue({ ...sender, name: 'ec' }, now, 'keep'), /there already/)
  await directory.issue({ ...sender, name: 'ec' }, now, 'replace')
  await t.rejects(directory.issue({ ...sender, name: 'y', names: ['a.example'] }, now, 'keep'), PkiError)
  t.notOk(existsSync(directory.file('y.key')), 'a mistake leaves nothing behind')
  await directory.issue({ ...sender, name: 'long', lifetime: 100 * day }, now, 'keep')
  const end = Date.parse(new X509Certificate(readFileSync(directory.file('long.pem'))).validTo)
  t.ok(end <= now + 10 * day, 'never longer than its authority')
})

t.test('revocation', async (t) => {
  const root = t.testdir({ own: { 'not.pem': 'nothing' } })
  const directory = await made(join(root, 'own'))
  await directory.issue(sender, now, 'keep')
  await directory.issue({ ...sender, name: 'other' }, now, 'keep')
  const serial = await directory.revoke('sender', 'keyCompromise', now, day)
  const list = () => readRevocationList(readFileSync(directory.file('ca.crl'), 'utf8'))
  t.match(list(), { number: 2, revoked: [{ serial, reason: 'keyCompromise' }] })
  await directory.revoke(directory.file('other.pem'), undefined, now, day)
  await directory.revoke('0A0B', undefined, now, day)
  t.match(list(), { number: 4, revoked: [{ serial, reason: 'keyCompromise' }, {}, { serial: '0a0b' }] })
  await directory.renewList(now + day, day)
  t.equal(list().number, 5)
  t.equal(list().revoked.length, 3)
  t.ok((list().nextUpdate ?? 0) > now + 2 * day - 2000)
  await t.rejects(directory.revoke('sender', undefined, now, day), /already/)
  await t.rejects(directory.revoke('nobody', undefined, now, day), /no certificate/)
  await t.rejects(directory.revoke('not', undefined, now, day), /no certificate/)
  const stranger = await made(join(root, 'stranger'))
  await stranger.issue(sender, now, 'keep')
  await t.rejects(directory.revoke(stranger.file('sender.pem'), undefined, now, day), /not issued by/)
})

t.test('the list of certificates', async (t) => {
  const directory = await made(t.testdir({ 'junk.pem': 'nothing' }))
  await directory.issue(sender, now, 'keep')
  await directory.issue({ ...sender, name: 'gone' }, now, 'keep')
  await directory.issue({ ...sender, name: 'server', role: 'server' }, now, 'keep')
  await directory.revoke('gone', undefined, now, day)
  t.match(directory.list(now), [
    { file: 'ca.pem', role: 'authority', state: 'valid' }, { file: 'gone.pem', role: 'sender', state: 'revoked' },
    { file: 'sender.pem', role: 'sender', state: 'valid', names: 'DNS:a.example', subject: 'CN=x' }, { file: 'server.pem', role: 'server', state: 'valid' },
  ])
  t.match(directory.list(now + 2 * day), [{ state: 'valid' }, { state: 'revoked' }, { state: 'expired' }, { state: 'expired' }])
  t.match(directory.list(now - day), [{ state: 'not yet valid' }, {}, {}, {}])
})

t.test('what is not there, or is not what it should be', async (t) => {
  const empty = new PkiDirectory(t.testdir({ 'ca.pem': '', 'ca.key': '' }))
  await t.rejects(empty.issue(sender, now, 'keep'), PkiError)
  await t.rejects(new PkiDirectory('/nowhere').issue(sender, now, 'keep'), /certs init/)
  const root = t.testdir({})
  const [directory, other] = [await made(join(root, 'a')), await made(join(root, 'b'))]
  writeFileSync(directory.file('ca.key'), readFileSync(other.file('ca.key')))
  await t.rejects(directory.issue(sender, now, 'keep'), /do not belong together/)
})

t.test('development certificates are made once, and anew when they expire', async (t) => {
  const path = join(t.testdir({}), 'certs')
  await makeDevelopmentCertificates(path, now)
  const files = ['ca.crl', 'ca.key', 'ca.pem', 'sender.key', 'sender.pem', 'server.key', 'server.pem']
  t.same(readdirSync(path).sort(), files)
  const content = () => files.map((file) => readFileSync(join(path, file), 'utf8'))
  const first = content()
  t.match(new X509Certificate(first[6] ?? '').subjectAltName, 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
  for (const key of ['ca.key', 'sender.key', 'server.key']) t.equal(statSync(join(path, key)).mode & 0o777, 0o600, key)
  await makeDevelopmentCertificates(path, now)
  t.same(content(), first, 'nothing changes')
  await makeDevelopmentCertificates(path, now + 29 * day)
  const later = content()
  t.not(later[0], first[0], 'the list is renewed')
  t.same(later.slice(1), first.slice(1))
  await makeDevelopmentCertificates(path, now + 364 * day)
  t.same(content().slice(1, 3), first.slice(1, 3), 'the authority stays')
  for (const at of [3, 4, 5, 6]) t.not(content()[at], first[at])
})
