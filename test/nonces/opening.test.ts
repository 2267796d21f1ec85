import { appendFileSync, copyFileSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { StoreUnavailable, type NonceStore } from '../../src/core/nonce.ts'
import { plainStore } from '../../src/core/store-plan.ts'
import { entryBytes, EntryWriter } from '../../src/nonces/entry.ts'
import { fileStore, shareDirectory } from '../../src/nonces/file.ts'
import { headerNow, writeHeader } from '../../src/nonces/header.ts'
import { segmentName } from '../../src/nonces/journal.ts'
import { shareStore } from '../../src/nonces/open.ts'
import { joinDirectory } from '../../src/nonces/shared.ts'
import { nonceOf } from '../contracts/store.ts'
import { stillWorld, type StillWorld } from '../support/world.ts'
import { stateOf, take, taken } from './crew.ts'

const hour = 3_600_000

const filesIn = (directory: string): string[] => readdirSync(directory).filter((name) => name.endsWith('.nonces')).sort()
const pathOf = (directory: string, number: number): string => join(directory, segmentName(number))

/** The next run of the gateway, whichever it is: one process, or several of which this is one. */
const nextRuns = [
  ['alone', async (_t: Test, directory: string, world: StillWorld) => await fileStore(directory, world)],
  ['shared', async (t: Test, directory: string, world: StillWorld) => joinDirectory(directory, (await taken(t, world, directory)).run, world)],
] as const

/** A run whose first process was killed, and a worker of it that is still there. */
async function orphaned(t: Test) {
  const world = stillWorld()
  const { directory, run, end } = await taken(t, world)
  const orphan = joinDirectory(directory, run, world)
  await (await take(orphan, 'before')).commit({ status: 201, until: world.clock.now() + hour })
  const late = await take(orphan, 'late', 5_000)
  await end()
  return { world, directory, run, orphan, late }
}

async function isShutOut(t: Test, orphan: NonceStore): Promise<void> {
  await t.rejects(async () => await orphan.claim(nonceOf('new'), 1_000), StoreUnavailable, 'claims nothing')
  await t.rejects(async () => await orphan.find(nonceOf('before')), StoreUnavailable, 'does not say what was accepted')
}

for (const [name, open] of nextRuns) {
  /** What a first process left behind that was killed while it opened the directory. */
  const interrupted: [string, (directory: string, world: StillWorld) => void][] = [
    ['before it did anything', () => undefined],
    ['with half a draft', (directory) => { writeFileSync(join(directory, `.${'0a'.repeat(8)}.new`), 'Sallyport') }],
    ['with a draft that was linked', (directory, world) => {
      const draft = join(directory, `.${'0a'.repeat(8)}.new`)
      writeFileSync(draft, writeHeader(headerNow({ run: '0b'.repeat(8), boot: '0c'.repeat(8), writers: 'shared' }, world.clock)))
      linkSync(draft, pathOf(directory, 2))
    }],
    ['after it barred the way, as one process', (directory, world) => {
      writeFileSync(pathOf(directory, 2), writeHeader(headerNow({ run: '0b'.repeat(8), boot: '0c'.repeat(8), writers: 'alone' }, world.clock)))
    }],
    ['after half of the seal', (directory) => { appendFileSync(pathOf(directory, 1), new EntryWriter().seal().bytes.subarray(0, 30)) }],
    ['after the seal', (directory) => { appendFileSync(pathOf(directory, 1), new EntryWriter().seal().bytes) }],
  ]
  for (const [when, leave] of interrupted) {
    await t.test(`a first process was killed ${when}; the next one, ${name}, shuts the orphan out and knows what it wrote`, async (t) => {
      const { world, directory, orphan, late } = await orphaned(t)
      leave(directory, world)
      const next = await open(t, directory, world)
      await isShutOut(t, orphan)
      await t.rejects(async () => { await late.commit({ status: 200, until: world.clock.now() + hour }) }, StoreUnavailable, 'no 2xx for its sender')
      t.match(await next.claim(nonceOf('before'), 1_000), { state: 'committed', status: 201 })
      t.equal((await next.claim(nonceOf('after'), 1_000)).state, 'claimed')
      t.same(readdirSync(directory).filter((file) => file.endsWith('.new')), [], 'no draft is left')
      t.equal(new Set(filesIn(directory)).size, filesIn(directory).length)
      void Promise.all([orphan.close(), next.close()])
      world.clock.advance(5_000)
    })
  }

  await t.test(`an orphan that sealed its file and was about to make the next, when the next run, ${name}, came`, async (t) => {
    const world = stillWorld()
    const { directory, run, end } = await taken(t, world)
    let sealed = false
    const append = ((file: number, bytes: Uint8Array) => {
      const taken = writeSync(file, bytes)
      if (sealed) throw new Error('it stands still behind its seal')
      return taken
    }) as typeof writeSync
    const orphan = joinDirectory(directory, run, { ...world, append, fill: { bytes: 3 * entryBytes, age: hour } })
    await (await take(orphan, 'before')).commit({ status: 201, until: world.clock.now() + hour })
    sealed = true
    await t.rejects(async () => { await orphan.claim(nonceOf('x'), 1_000) }, StoreUnavailable)
    sealed = false
    await end()
    const next = await open(t, directory, world)
    await isShutOut(t, orphan)
    t.equal(await stateOf(next, 'before'), 'committed')
    t.equal(await stateOf(next, 'x'), 'claimed')
    await (await take(next, 'y')).commit({ status: 200, until: world.clock.now() + hour })
    void Promise.all([orphan.close(), next.close()])
    world.clock.advance(1_000)
  })
}

/** A file in the middle of which a write broke off, while its run went on in the next one. */
async function brokenOff(t: Test) {
  const world = stillWorld()
  const { directory, run, end } = await taken(t, world)
  const until = world.clock.now() + hour
  const store = joinDirectory(directory, run, world)
  await (await take(store, 'before')).commit({ status: 201, until })
  appendFileSync(pathOf(directory, 1), 'twenty foreign bytes')
  await (await take(store, 'after')).commit({ status: 202, until })
  t.equal(filesIn(directory).length, 2)
  await store.close()
  return { world, directory, run, end }
}

const knowsBoth = async (t: Test, store: NonceStore): Promise<void> => {
  t.match(await store.claim(nonceOf('before'), 1_000), { state: 'committed', status: 201 })
  t.match(await store.claim(nonceOf('after'), 1_000), { state: 'committed', status: 202 })
}

await t.test('where bytes of somebody else break a file off, workers that come later and runs that come later read on', async (t) => {
  const { world, directory, run, end } = await brokenOff(t)
  const worker = joinDirectory(directory, run, world)
  await knowsBoth(t, worker)
  await worker.close()
  await end()
  for (const [, open] of [...nextRuns, ...nextRuns]) {
    const next = await open(t, directory, world)
    await knowsBoth(t, next)
    await next.close()
    // The one that has the directory for several lets go with its test; the files are another run's then.
    for (const name of readdirSync(directory)) if (name.endsWith('.sock')) rmSync(join(directory, name))
  }
})

await t.test('damage is read over by nobody: not by a run that opens, not by a worker that comes later', async (t) => {
  const flip = (path: string, at: number): void => {
    const bytes = readFileSync(path)
    bytes[at] = (bytes[at] as number) ^ 1
    writeFileSync(path, bytes)
  }
  const damages: [string, (directory: string) => void][] = [
    ['a bit in a commit', (directory) => { flip(pathOf(directory, 1), 2 * entryBytes + 3) }],
    ['a bit in the head', (directory) => { flip(pathOf(directory, 1), 30) }],
    ['entries cut out', (directory) => {
      const bytes = readFileSync(pathOf(directory, 1))
      writeFileSync(pathOf(directory, 1), Buffer.concat([bytes.subarray(0, entryBytes), bytes.subarray(2 * entryBytes)]))
    }],
  ]
  for (const [what, damage] of damages) {
    const { world, directory, run, end } = await brokenOff(t)
    damage(directory)
    t.throws(() => joinDirectory(directory, run, world), /000000000001\.nonces is damaged at byte \d+/, `${what}: a worker`)
    await end()
    const before = filesIn(directory)
    for (const open of [fileStore, shareDirectory]) {
      await t.rejects(async () => { await open(directory, world) }, /000000000001\.nonces is damaged at byte \d+/, `${what}: a run`)
      t.same(filesIn(directory), before, 'which leaves nothing behind')
    }
  }
})

await t.test('what a power failure takes from the end of a file is lost, and nothing else', async (t) => {
  const root = t.testdir()
  for (const cut of [10, entryBytes, entryBytes + 10]) {
    const world = stillWorld()
    const { directory, run, end } = await taken(t, world, join(root, `cut ${cut}`))
    const until = world.clock.now() + hour
    const store = joinDirectory(directory, run, { ...world, fill: { bytes: 5 * entryBytes, age: hour } })
    for (const id of ['a', 'b', 'c', 'd']) await (await take(store, id, 100_000)).commit({ status: 200, until })
    await store.close()
    await end()
    const path = pathOf(directory, 1)
    truncateSync(path, readFileSync(path).length - cut)
    for (const [name, open] of [...nextRuns].reverse()) {
      const copy = join(root, `${name} ${cut}`)
      mkdirSync(copy)
      for (const file of filesIn(directory)) copyFileSync(join(directory, file), join(copy, file))
      const next = await open(t, copy, world)
      t.equal(await stateOf(next, 'a'), 'committed')
      t.equal(await stateOf(next, 'b'), cut > entryBytes ? 'in-flight' : 'committed', `${cut} bytes are gone, ${name}`)
      for (const id of ['c', 'd']) t.equal(await stateOf(next, id), 'committed')
      void next.close()
      world.clock.advance(1_000)
    }
  }
})

await t.test('files of another version of the format: several workers do not start either, and are told what to do', async (t) => {
  const directory = t.testdir({ '000000000001.nonces': `Sallyport nonces\x01${'\0'.repeat(71)}` })
  t.match(await shareStore(plainStore(`file:${directory}`), stillWorld()), {
    problem: { what: /000000000001\.nonces was written in version 1 of the format, and this build reads version 2/, mend: /start the build that wrote it until .* or move the file away/ },
  })
  t.same(readdirSync(directory), ['000000000001.nonces'], 'nothing was written')
})
