import fc from 'fast-check'
import t from 'tap'
import { basic } from '../../src/checks/basic.ts'
import { ask, questionsOf, toolsFor, verdictOf } from '../support/checks.ts'

const questions = questionsOf('basic', { users: { docusign: 'literal:p:ss wörd', zoë: 'literal:secret' } })
const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64')
const right = base64('docusign:p:ss wörd')

const rows: [name: string, headers: string[], verdict: string][] = [
  ['right', ['Authorization', `Basic ${right}`], 'pass'],
  ['another user', ['authorization', `basic ${base64('zoë:secret')}`], 'pass'],
  ['several spaces', ['Authorization', `BASIC   ${right}`], 'pass'],
  ['no header', [], 'credentials-missing'],
  ['empty header', ['Authorization', ''], 'credentials-invalid'],
  ['another scheme', ['Authorization', `Bearer ${right}`], 'credentials-invalid'],
  ['scheme alone', ['Authorization', 'Basic'], 'credentials-invalid'],
  ['scheme and space', ['Authorization', 'Basic '], 'credentials-invalid'],
  ['tab for a space', ['Authorization', `Basic\t${right}`], 'credentials-invalid'],
  ['twice', ['Authorization', `Basic ${right}`, 'authorization', `Basic ${right}`], 'credentials-invalid'],
  ['two in one line', ['Authorization', `Basic ${right}, Basic ${right}`], 'credentials-invalid'],
  ['trailing space', ['Authorization', `Basic ${right} `], 'credentials-invalid'],
  ['wrong password', ['Authorization', `Basic ${base64('docusign:p:ss')}`], 'credentials-invalid'],
  ['the other one’s password', ['Authorization', `Basic ${base64('docusign:secret')}`], 'credentials-invalid'],
  ['unknown user', ['Authorization', `Basic ${base64('nobody:secret')}`], 'credentials-invalid'],
  ['inherited name', ['Authorization', `Basic ${base64('__proto__:secret')}`], 'credentials-invalid'],
  ['empty password', ['Authorization', `Basic ${base64('docusign:')}`], 'credentials-invalid'],
  ['empty user', ['Authorization', `Basic ${base64(':secret')}`], 'credentials-invalid'],
  ['no colon', ['Authorization', `Basic ${base64('docusign')}`], 'credentials-invalid'],
  ['NUL behind the password', ['Authorization', `Basic ${base64('zoë:secret\0')}`], 'credentials-invalid'],
  ['line break behind the password', ['Authorization', `Basic ${base64('zoë:secret\n')}`], 'credentials-invalid'],
  ['latin1', ['Authorization', `Basic ${base64(Buffer.from('zoë:secret', 'latin1'))}`], 'credentials-invalid'],
  ['byte order mark', ['Authorization', `Basic ${base64('\uFEFFzoë:secret')}`], 'credentials-invalid'],
  ['decomposed', ['Authorization', `Basic ${base64('zoe\u0308:secret')}`], 'credentials-invalid'],
  ['base64url', ['Authorization', `Basic ${Buffer.from('zoë:??>>??').toString('base64url')}`], 'credentials-invalid'],
  ['junk within', ['Authorization', `Basic ${right.slice(0, 4)}*${right.slice(4)}`], 'credentials-invalid'],
]
for (const [name, headers, verdict] of rows) {
  t.test(name, async (t) => t.equal(await verdictOf(questions, { headers }), verdict))
}

t.test('stray bits behind the last character', async (t) => {
  const exact = questionsOf('basic', { users: { a: 'literal:bc' } })
  t.equal(base64('a:bc'), 'YTpiYw==')
  t.equal(await verdictOf(exact, { headers: ['Authorization', 'Basic YTpiYw=='] }), 'pass')
  t.equal(await verdictOf(exact, { headers: ['Authorization', 'Basic YTpiYx=='] }), 'credentials-invalid')
  t.equal(await verdictOf(exact, { headers: ['Authorization', 'Basic YTpiYw'] }), 'credentials-invalid')
})

t.test('how it looks', async (t) => {
  t.same(basic.reads?.({ users: {} }), ['authorization'])
  t.equal(questions[0]?.stage, 'credentials')
  const { refusal } = await ask(questions)
  t.equal(refusal?.status, 401)
  t.same(refusal?.headers, ['WWW-Authenticate', 'Basic realm="Sallyport", charset="UTF-8"'])
  const wrong = await ask(questions, { headers: ['Authorization', `Basic ${base64('docusign:hunter2')}`] })
  t.notMatch(JSON.stringify(wrong.trail), /hunter2|docusign/, 'nothing that was sent is in the record')
  const passed = await ask(questions, { headers: ['Authorization', `Basic ${right}`] })
  t.match(passed.trail[0]?.verdict, { facts: { user: 'docusign' } })
})

t.test('whatever is sent, only the right pair passes, and nothing throws', async () => {
  await fc.assert(fc.asyncProperty(fc.oneof(fc.string(), fc.base64String(), fc.string({ unit: 'binary' }).map(base64)), async (text) => (
    await verdictOf(questions, { headers: ['Authorization', `Basic ${text}`] }) === 'credentials-invalid'
  )))
})

t.test('mistakes of the operator', async (t) => {
  for (const written of [{}, { users: {} }, { users: { 'a:b': 'literal:x' } }, { users: { '': 'literal:x' } }, { users: { a: 'literal:x' }, realm: 'x' }]) {
    t.equal(basic.schema.safeParse(written).success, false, JSON.stringify(written))
  }
  for (const password of ['literal:', 'literal:two\nlines']) {
    const tools = toolsFor()
    basic.compile({ users: { a: password } }, tools)
    t.match(tools.told, [{ path: ['users', 'a'] }], password)
  }
})
