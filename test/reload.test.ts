import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { OperatorLog } from '../src/audit/log.ts'
import type { ConfigurationFiles } from '../src/config/files.ts'
import type { Settings } from '../src/config/schema.ts'
import { Reloads, tellLate } from '../src/reload.ts'

function log(): { readonly said: string[]; readonly log: OperatorLog } {
  const said: string[] = []
  const note = (what: object, text?: string): void => { said.push(`${text ?? ''} ${JSON.stringify(what)}`) }
  return { said, log: { info: (text: string) => said.push(text), warn: note, error: note } as unknown as OperatorLog }
}

function reloads(t: Test, take: (files: ConfigurationFiles) => Promise<void>) {
  const folder = t.testdir({ 'sallyport.yaml': 'a: 1', 'read.pem': 'text' })
  const file = join(folder, 'sallyport.yaml')
  const counted: string[] = []
  const { said, log: to } = log()
  const made = new Reloads({ file, files: new Map([[file, 'as it was']]), log: to, metrics: { reloaded: (result) => { counted.push(result) } }, take })
  return { reloads: made, file, folder, counted, said }
}

t.test('taken: what was read is what is watched from now on', async (t) => {
  const { reloads: one, folder, file, counted, said } = reloads(t, async (files) => { files.read('read.pem', 100) })
  t.equal(await one.again(), 'taken')
  t.same([...one.files.keys()], [file, join(folder, 'read.pem')])
  t.not(one.files.get(file), 'as it was')
  t.same(counted, ['taken'])
  t.same(said, ['configuration reloaded'])
})

t.test('refused: what was watched is watched on, and what the new one was missing, too', async (t) => {
  const { reloads: one, folder, file, counted, said } = reloads(t, async (files) => {
    files.read('read.pem', 100)
    throw new Error('line 3 is wrong')
  })
  t.equal(await one.again(), 'refused')
  t.same([...one.files.keys()], [file, join(folder, 'read.pem')])
  t.same(counted, ['refused'])
  t.match(said, [/last good configuration stays.*line 3 is wrong/])
})

t.test('one at a time, and none after the end', async (t) => {
  let [running, most, taken] = [0, 0, 0]
  const { reloads: one } = reloads(t, async () => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setImmediate(resolve))
    running--
    taken++
  })
  const two = [one.again(), one.again()]
  t.same(await Promise.all(two), ['taken', 'taken'])
  t.equal(most, 1)
  const last = one.again()
  await new Promise((resolve) => setImmediate(resolve))
  await one.stop()
  t.equal(await last, 'taken', 'one that is under way is waited for')
  t.equal(await one.again(), 'refused')
  t.equal(taken, 3)
})

t.test('keys that are opened once', async (t) => {
  const { said, log: to } = log()
  const before = { workers: 1, admin: { address: 'a' }, drain: 1 } as unknown as Settings
  tellLate(to, ['workers', 'admin'], before, { workers: 1, admin: { address: 'a' }, drain: 2 } as unknown as Settings)
  t.same(said, [])
  tellLate(to, ['workers', 'admin'], before, { ...before, workers: 2 } as Settings)
  t.match(said, [/next start.*"workers"/])
})
