import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { AuditLog } from '../../src/audit/log.ts'
import type { Decided } from '../../src/audit/record.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-audit-'))
t.teardown(() => rmSync(folder, { recursive: true }))

const decided = (id: string): Decided => ({
  at: 0, id, route: 'hook', from: undefined, certificate: undefined, verdict: 'accepted', reason: undefined, status: 200,
  bytes: 2, spent: { checks: 0.1, store: 0.01, receiver: 1 }, key: undefined, nonce: 'committed', facts: {},
})

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const idsIn = (file: string): string[] => readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line).id)
const unexpected = (error: Error): never => { throw error }

t.test('the lines of one turn are in the file at its end, in their order', async (t) => {
  const file = join(folder, 'below', 'audit.log')
  const log = new AuditLog(`file:${file}`, unexpected)
  for (const id of ['one', 'two', 'three']) log.write(decided(id))
  t.same(idsIn(file), [])
  await nextTurn()
  t.same(idsIn(file), ['one', 'two', 'three'])
  await log.close()
})

t.test('what was written last is in the file when close resolves, after what was there before', async (t) => {
  const file = join(folder, 'closed.log')
  for (const id of ['before', 'after']) {
    const log = new AuditLog(`file:${file}`, unexpected)
    log.write(decided(id))
    await log.close()
  }
  t.same(idsIn(file), ['before', 'after'])
})

t.test('after a rotation the file is a new one, and no line is lost', async (t) => {
  const file = join(folder, 'rotated.log')
  const log = new AuditLog(`file:${file}`, unexpected)
  log.write(decided('before'))
  renameSync(file, `${file}.1`)
  log.reopen()
  log.write(decided('after'))
  await log.close()
  t.same([idsIn(`${file}.1`), idsIn(file)], [['before'], ['after']])
})

t.test('a full disk is reported, and keeps nobody from closing', async (t) => {
  const errors: string[] = []
  const log = new AuditLog('file:/dev/full', (error) => errors.push((error as NodeJS.ErrnoException).code ?? error.message))
  log.write(decided('lost'))
  await nextTurn()
  t.equal(errors[0], 'ENOSPC')
  await log.close()
})

t.test('a file that cannot be opened is a fault at the start', async (t) => {
  t.throws(() => new AuditLog('file:/proc/sallyport-audit.log', () => undefined))
})
