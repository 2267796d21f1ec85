import { appendFileSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { StoreUnavailable, type NonceStore } from '../../src/core/nonce.ts'
import { plainStore } from '../../src/core/store-plan.ts'
import { fileStore } from '../../src/nonces/file.ts'
import { realDisk, type Disk } from '../../src/nonces/journal.ts'
import { openStore } from '../../src/nonces/open.ts'
import { entryBytes } from '../../src/nonces/entry.ts'
import { segmentBytes } from '../../src/nonces/segment.ts'
import { nonceOf } from '../contracts/store.ts'
import { stillWorld } from '../support/world.ts'

const hour = 3_600_000

async function commit(store: NonceStore, id: string, until: number): Promise<void> {
  const claim = await store.claim(nonceOf(id), 1_000)
  if (claim.state !== 'claimed') throw new Error(`${id} is ${claim.state}`)
  if (!await claim.commit({ status: 200, until })) throw new Error('lost')
}

async function stateOf(store: NonceStore, id: string): Promise<string> {
  const claimed = await store.claim(nonceOf(id), 1_000)
  if (claimed.state === 'claimed') await claimed.release()
  return claimed.state
}

/** A directory that a store left with so many nonces, named 0, 1, … */
async function written(t: Test, count: number) {
  const world = stillWorld()
  const directory = join(t.testdir(), 'nonces')
  const store = await fileStore(directory, world)
  for (let id = 0; id < count; id++) await commit(store, String(id), world.clock.now() + hour)
  await store.close()
  return { world, directory, file: join(directory, '000000000001.nonces') }
}

/** Opens the store; the problem's text, or the states of these ids. */
async function opened(directory: string, world: ReturnType<typeof stillWorld>, ids: readonly string[]): Promise<string[] | string> {
  const result = await openStore(plainStore(`file:${directory}`), world)
  if ('problem' in result) return `${result.problem.what} → ${result.problem.mend}`
  const states = await Promise.all(ids.map((id) => stateOf(result.store, id)))
  await result.store.close()
  return states
}

t.test('a torn tail is mended, wherever it breaks off', async (t) => {
  for (const cut of [1, 2, 4, 20, entryBytes - 1]) {
    const { world, directory, file } = await written(t, 3)
    const whole = readFileSync(file).length
    truncateSync(file, whole - cut)
    t.strictSame(await opened(directory, world, ['0', '1', '2']), ['committed', 'committed', 'claimed'], `${cut} bytes are missing`)
    t.equal(readFileSync(file).length, whole - entryBytes, 'the rest of the entry is cut off')
  }
  for (const zeros of [1, entryBytes, 5_000]) {
    const { world, directory, file } = await written(t, 2)
    appendFileSync(file, Buffer.alloc(zeros))
    t.strictSame(await opened(directory, world, ['0', '1']), ['committed', 'committed'], `${zeros} zeros follow`)
  }
  for (const length of [0, 1, entryBytes - 1, entryBytes]) {
    const { world, directory, file } = await written(t, 2)
    truncateSync(file, length)
    t.strictSame(await opened(directory, world, ['0', '1']), ['claimed', 'claimed'], `${length} bytes of the header are there`)
  }
})

t.test('damage is no torn tail: the store does not open, and says where', async (t) => {
  const damage: [string, (bytes: Buffer) => Buffer][] = [
    ['a bit in the middle', (bytes) => flip(bytes, 3 * entryBytes + 7)],
    ['a bit in the last entry', (bytes) => flip(bytes, bytes.length - 10)],
    ['a bit in the last sum', (bytes) => flip(bytes, bytes.length - 1)],
    ['a byte too few in the middle', (bytes) => Buffer.concat([bytes.subarray(0, 200), bytes.subarray(201)])],
    ['a byte too many in the middle', (bytes) => Buffer.concat([bytes.subarray(0, 200), Buffer.from('x'), bytes.subarray(200)])],
    ['zeros in the middle', (bytes) => Buffer.from(bytes).fill(0, 2 * entryBytes, 4 * entryBytes)],
    ['text at the end', (bytes) => Buffer.concat([bytes, Buffer.alloc(100, 'x')])],
    ['longer than a file of ours', (bytes) => Buffer.concat([bytes, Buffer.alloc(segmentBytes)])],
  ]
  for (const [name, spoil] of damage) {
    const { world, directory, file } = await written(t, 6)
    writeFileSync(file, spoil(readFileSync(file)))
    t.match(await opened(directory, world, []), /000000000001\.nonces is damaged at byte \d+.*→ restore it/, name)
  }
  await fc.assert(await damagedAnywhere(t), { numRuns: 60 })
})

/** Whatever bit is turned, no commit is lost without a word. */
async function damagedAnywhere(t: Test) {
  const { world, directory, file } = await written(t, 5)
  const sound = readFileSync(file)
  return fc.asyncProperty(fc.nat(sound.length * 8 - 1), async (bit) => {
    const spoiled = Buffer.from(sound)
    spoiled[bit >> 3] = (spoiled[bit >> 3] as number) ^ (1 << (bit & 7))
    writeFileSync(file, spoiled)
    if (typeof await opened(directory, world, []) !== 'string') throw new Error(`bit ${bit} passed unseen`)
  })
}

function flip(bytes: Buffer, at: number): Buffer {
  const spoiled = Buffer.from(bytes)
  spoiled[at] = (spoiled[at] as number) ^ 1
  return spoiled
}

t.test('what is not ours is left alone, and named', async (t) => {
  const world = stillWorld()
  const cases: [string, Record<string, string>, RegExp][] = [
    ['a file of another kind under our name', { '000000000001.nonces': 'some text of somebody else, long enough to be read as a header' }, /is no journal of nonces → give the store a directory of its own/],
    ['a short file of another kind', { '000000000001.nonces': 'text' }, /is no journal of nonces/],
    ['a later version', { '000000000001.nonces': `Sallyport nonces\x03${'\0'.repeat(43)}` }, /in version 3 of the format, and this build reads version 2 → start the build that wrote it/],
    ['an earlier version', { '000000000001.nonces': `Sallyport nonces\x01${'\0'.repeat(27)}` }, /in version 1 of the format, and this build reads version 2 → start the build that wrote it until what it remembers has ended, or move the file away/],
    ['another byte order', { '000000000001.nonces': `Sallyport nonces\0\0\0\x02${'\0'.repeat(43)}` }, /on a machine of another byte order/],
    ['a stranger in the directory', { 'passwords.txt': 'secret' }, /passwords\.txt is not ours → give the store a directory of its own/],
  ]
  for (const [name, files, wanted] of cases) {
    const directory = t.testdir(files)
    t.match(await opened(directory, world, []), wanted, name)
    t.strictSame(readdirSync(directory), Object.keys(files), 'nothing was written')
  }
  const inTheWay = t.testdir({ nonces: 'a file' })
  t.match(await opened(join(inTheWay, 'nonces'), world, []), /nonces is a file, not a directory →/)
  t.match(await opened(join(inTheWay, 'nonces', 'deeper'), world, []), /cannot be made.* → /)
  t.match(await openStore(plainStore('lmdb:/tmp'), world), { problem: { path: ['replay', 'store'], mend: /memory:/ } })
})

t.test('dot files and lost+found belong to whoever made the disk', async (t) => {
  const directory = t.testdir({ '.nfs0001': '', 'lost+found': {} })
  t.strictSame(await opened(directory, stillWorld(), ['a']), ['claimed'])
})

/** A disk that fails as it is told. */
class FailingDisk implements Disk {
  failure: 'none' | 'full' | 'half' | 'broken' = 'none'
  create = (path: string): number => this.#try(() => realDisk.create(path))
  write = (file: number, bytes: Uint8Array, at: number): number => {
    if (this.failure === 'half') return realDisk.write(file, bytes.subarray(0, 20), at)
    return this.#try(() => realDisk.write(file, bytes, at))
  }
  finish = realDisk.finish
  remove = realDisk.remove

  #try(run: () => number): number {
    if (this.failure === 'full') throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    if (this.failure === 'broken') throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
    return run()
  }
}

for (const failure of ['full', 'half', 'broken'] as const) {
  t.test(`a disk that is ${failure} makes the store unavailable until it is mended`, async (t) => {
    const world = stillWorld()
    const directory = join(t.testdir(), 'nonces')
    const disk = new FailingDisk()
    const store = await fileStore(directory, { ...world, disk })
    await commit(store, 'before', world.clock.now() + hour)
    const claim = await store.claim(nonceOf('during'), 1_000)
    if (claim.state !== 'claimed') throw new Error(claim.state)
    disk.failure = failure
    await t.rejects(async () => await claim.commit({ status: 201, until: world.clock.now() + hour }), StoreUnavailable, 'it does not say yes')
    await t.rejects(() => stateOf(store, 'another'), StoreUnavailable, 'nothing new is let in')
    world.clock.advance(5_000)
    await t.rejects(() => stateOf(store, 'during'), StoreUnavailable, 'least of all the one that was accepted')
    disk.failure = 'none'
    world.clock.advance(100)
    t.match(await store.claim(nonceOf('during'), 1_000), { state: 'committed', status: 201 }, 'it is written as soon as that goes')
    t.equal(await stateOf(store, 'another'), 'claimed')
    await store.close()
    t.strictSame(await opened(directory, world, ['before', 'during', 'another']), ['committed', 'committed', 'claimed'])
  })
}

t.test('files go when everything in them has ended', async (t) => {
  const world = stillWorld()
  const directory = join(t.testdir(), 'nonces')
  const store = await fileStore(directory, world)
  const files = () => readdirSync(directory).filter((name) => name.endsWith('.nonces')).length
  for (let age = 0; age < 50; age++) {
    await commit(store, String(age), world.clock.now() + 10 * hour)
    world.clock.advance(hour)
    t.ok(files() <= 12, `${files()} files after ${age} hours`)
  }
  await store.close()
  world.clock.advance(11 * hour)
  t.strictSame(await opened(directory, world, ['49']), ['claimed'])
  t.equal(files(), 0, 'at the opening, too')
})

t.test('a file is followed by another before it grows too large', async (t) => {
  const world = stillWorld()
  const directory = join(t.testdir(), 'nonces')
  const count = Math.floor(segmentBytes / entryBytes) + 10
  const store = await fileStore(directory, world)
  const nonce = { key: Buffer.alloc(32), print: Buffer.alloc(32), passesUntil: undefined }
  for (let id = 0; id < count; id++) {
    nonce.key.writeUInt32LE(Math.imul(id, 0x9e3779b1) >>> 0, id & 4)
    const claim = store.claim(nonce, 1_000)
    if ('commit' in claim) await claim.commit({ status: 200, until: world.clock.now() + hour })
  }
  await commit(store, 'last', world.clock.now() + hour)
  t.equal(readdirSync(directory).filter((name) => name.endsWith('.nonces')).length, 2)
  await store.close()
  t.strictSame(await opened(directory, world, ['last', 'other']), ['committed', 'claimed'])
})

t.test('a clock that went back past what is forgotten makes the store unavailable, not wrong', async (t) => {
  const world = stillWorld()
  const store = await fileStore(join(t.testdir(), 'nonces'), world)
  const passes = world.clock.now() + hour
  for (let id = 0; id < 5_000; id++) await commit(store, String(id), passes + hour)
  world.clock.advance(3 * hour)
  for (let id = 0; id < 20_000; id++) await commit(store, `later ${id}`, world.clock.now() + hour)
  world.clock.step(-3 * hour)
  const replayed = nonceOf('0', '0', passes)
  t.throws(() => store.claim(replayed, 1_000), { name: 'StoreUnavailable', message: /clock went back/ })
  t.match(store.claim(nonceOf('new', 'new', world.clock.now() + 10 * hour), 1_000), { state: 'claimed' })
  await Promise.all([store.close(), world.clock.advance(1_000)])
})

t.test('a directory has one owner at a time', async (t) => {
  const world = stillWorld()
  const directory = join(t.testdir(), 'a path that is longer than what a socket can have '.repeat(4), 'nonces')
  mkdirSync(directory, { recursive: true })
  const first = await fileStore(directory, world)
  t.match(await opened(directory, world, []), /another process has the nonces in .* → stop it/)
  t.equal(await stateOf(first, 'a'), 'claimed', 'which does not disturb it')
  await first.close()
  const both = await Promise.all([opened(directory, world, []), opened(directory, world, [])])
  t.ok(both.filter((result) => typeof result !== 'string').length <= 1, 'of two at one moment at most one goes on')
  t.strictSame(await opened(directory, world, []), [])
  t.strictSame(readdirSync(directory), [], 'nothing is left of the locks')
})
