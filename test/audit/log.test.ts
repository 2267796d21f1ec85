import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { AuditLog, type AuditState } from '../../src/audit/log.ts'
import type { Decided } from '../../src/audit/record.ts'
import { fillDisk } from '../support/full-disk.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-audit-'))
t.teardown(() => rmSync(folder, { recursive: true }))

const decided = (id: string): Decided => ({
  at: 0, id, route: 'hook', from: undefined, certificate: undefined, verdict: 'accepted', reason: undefined, status: 200,
  bytes: 2, spent: { checks: 0.1, store: 0.01, receiver: 1 }, key: undefined, nonce: 'committed', facts: {},
})

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const idsIn = (file: string): string[] => readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line).id)
const say = (what: object, text?: string): never => { throw new Error(`${text}: ${JSON.stringify(what)}`) }
const unexpected = { error: say, warn: say }

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

t.test('a line that comes when it is closed ends nobody, and is told', async (t) => {
  const { said, ...told } = listening()
  const log = new AuditLog(`file:${join(folder, 'late.log')}`, told)
  log.write(decided('in time'))
  await log.close()
  log.write(decided('late'))
  await nextTurn()
  t.match(said, [/late.*/])
  t.same(idsIn(join(folder, 'late.log')), ['in time'])
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

/** A log that keeps what it is told. */
function listening(): { readonly said: string[]; readonly error: (what: object) => void; readonly warn: (what: object) => void } {
  const said: string[] = []
  const note = (what: object): void => { said.push(JSON.stringify(what)) }
  return { said, error: note, warn: note }
}

t.test('a full disk is reported once, and keeps nobody from closing', async (t) => {
  const { said, ...told } = listening()
  const states: AuditState[] = []
  const log = new AuditLog('file:/dev/full', told, (state) => states.push(state))
  t.notOk(log.isFailing)
  for (const id of ['one', 'two']) {
    log.write(decided(id))
    await nextTurn()
    t.ok(log.isFailing)
  }
  t.match(said, [/ENOSPC/])
  t.equal(said.length, 1)
  t.same(states, ['failing'])
  await log.close()
})

t.test('a disk that is full and then is not: whole lines, in their order, none lost', async (t) => {
  const { said, ...told } = listening()
  const states: AuditState[] = []
  const file = join(folder, 'full.log')
  const log = new AuditLog(`file:${file}`, told, (state) => states.push(state))
  const empty = fillDisk(t, 10_000)
  let count = 0
  while (!log.isFailing) {
    log.write(decided(`${count++}`))
    await nextTurn()
  }
  t.equal(statSync(file).size, 10_000, 'half a line fitted')
  log.write(decided(`${count++}`))
  await nextTurn()
  t.ok(log.isFailing, 'it stays so')
  empty()
  log.write(decided(`${count++}`))
  await nextTurn()
  await nextTurn()
  t.notOk(log.isFailing, 'the next line is the trial')
  t.same(states, ['failing', 'well'])
  t.match(said, [/EFBIG/, /"lostRefusals":0/])
  t.same(idsIn(file), Array.from({ length: count }, (_, at) => `${at}`))
  await log.close()
})

/** Both ends of a pipe; reading does not wait. */
function pipe(name: string): { readonly reader: number; readonly writer: number } {
  const path = join(folder, name)
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return { reader, writer: openSync(path, constants.O_WRONLY) }
}

t.test('a pipe whose reader has gone: for good', async (t) => {
  const { said, ...told } = listening()
  const { reader, writer } = pipe('gone')
  closeSync(reader)
  const log = new AuditLog(writer, told)
  log.write(decided('one'))
  while (!log.isFailing) await nextTurn()
  log.write(decided('two'))
  await nextTurn()
  t.ok(log.isFailing)
  t.match(said, [/EPIPE/])
  await log.close()
})

t.test('a pipe that nobody reads: nothing is let in until somebody does, and no line is lost', async (t) => {
  const { said, ...told } = listening()
  const { reader, writer } = pipe('slow')
  const log = new AuditLog(writer, told)
  let count = 0
  while (!log.isFailing) {
    for (let nth = 0; nth < 500; nth++) log.write(decided(`${count++}`))
    await nextTurn()
  }
  const [parts, buffer] = [[] as Buffer[], Buffer.alloc(64 * 1024)]
  const read = (): void => {
    try {
      parts.push(Buffer.from(buffer.subarray(0, readSync(reader, buffer))))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
  for (; log.isFailing; await nextTurn()) read()
  read()
  const ids = Buffer.concat(parts).toString().split('\n').slice(0, -1).map((line) => (JSON.parse(line) as { id: string }).id)
  t.same(ids, Array.from({ length: count }, (_, at) => `${at}`))
  t.match(said, [/too slow/, /"lostRefusals":0/])
  await log.close()
})

t.test('who writes for us says that it cannot', (t) => {
  const log = new AuditLog(`file:${join(folder, 'held.log')}`, unexpected)
  log.hold('failing')
  t.ok(log.isFailing)
  log.hold('well')
  t.notOk(log.isFailing)
  t.end()
})

t.test('copied and truncated in place: what comes after stands at the beginning', async (t) => {
  const file = join(folder, 'copied.log')
  const log = new AuditLog(`file:${file}`, unexpected)
  log.write(decided('before'))
  await nextTurn()
  truncateSync(file)
  log.write(decided('after'))
  await log.close()
  t.same(idsIn(file), ['after'])
  t.notMatch(readFileSync(file, 'latin1'), /\0/)
})

t.test('a file that cannot be opened is a fault at the start', async (t) => {
  t.throws(() => new AuditLog('file:/proc/sallyport-audit.log', unexpected))
})
