import { writeSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { StoreUnavailable, type Claim, type Claimed, type NonceStore } from '../../src/core/nonce.ts'
import { entryBytes } from '../../src/nonces/entry.ts'
import { fileStore, shareDirectory } from '../../src/nonces/file.ts'
import { joinDirectory } from '../../src/nonces/shared.ts'
import { nonceOf } from '../contracts/store.ts'
import { stillWorld } from '../support/world.ts'

/**
 * What several workers are asked and told in the same turn of the event loop, on a disk that takes what it likes. Leases and nonces outlast the test, so the
 * invariants of docs/replay.md come to this: a nonce is granted to one at a time, to nobody once it was accepted, and all agree on it, whoever comes later as well.
 */
const hour = 3_600_000
const root = t.testdir()
let made = 0

type Step =
  | { readonly does: 'claim'; readonly worker: number; readonly id: string }
  | { readonly does: 'commit' | 'release'; readonly which: number }
/** What write(2) does with one write: takes it all, takes so many bytes of it, or fails. */
type Disk = 'sound' | 'full' | number

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ does: fc.constant('claim' as const), worker: fc.nat(2), id: fc.constantFrom('a', 'b', 'c', 'd', 'e') }),
  fc.record({ does: fc.constantFrom('commit' as const, 'release' as const), which: fc.nat(9) }),
)
const disk: fc.Arbitrary<Disk> = fc.oneof({ weight: 12, arbitrary: fc.constant('sound' as const) }, fc.constant('full' as const), fc.nat(6 * entryBytes))

/** What is known of one nonce: `doubt` where a write failed, and either is right. */
interface Known { holder: Claim | undefined; isAccepted: boolean; isInDoubt: boolean }

class Trial {
  readonly ids = new Map<string, Known>()
  readonly open: { readonly id: string; readonly claim: Claim }[] = []

  of(id: string): Known {
    const known = this.ids.get(id) ?? { holder: undefined, isAccepted: false, isInDoubt: false }
    this.ids.set(id, known)
    return known
  }

  /** Asks everything of one turn at once, and looks at what came back. */
  async turn(steps: readonly Step[], workers: readonly NonceStore[]): Promise<void> {
    const before = new Map([...this.ids].map(([id, known]) => [id, { ...known }]))
    const settling: Promise<void>[] = []
    const claiming: [string, Promise<Claimed | undefined>][] = []
    for (const step of steps) {
      if (step.does === 'claim') claiming.push([step.id, this.claim(step.id, workers[step.worker] as NonceStore)])
      else settling.push(this.settle(step.does, step.which))
    }
    await Promise.all(settling)
    const granted = new Set<string>()
    for (const [id, pending] of claiming) {
      const claimed = await pending
      const was = before.get(id)
      if (claimed === undefined) this.of(id).isInDoubt = true
      if (claimed?.state === 'committed') must(this.of(id).isAccepted || this.of(id).isInDoubt, `${id} was never accepted`)
      if (claimed?.state === 'in-flight') must(was?.holder !== undefined || granted.has(id) || this.of(id).isInDoubt || claiming.filter(([other]) => other === id).length > 1, `nobody has ${id}`)
      if (claimed?.state !== 'claimed') continue
      must(was?.isAccepted !== true, `${id} was accepted, and is granted`)
      must(was?.holder === undefined || this.of(id).holder === undefined, `${id} is held, and is granted`)
      must(!granted.has(id), `${id} is granted twice`)
      granted.add(id)
      this.of(id).holder = claimed
      this.open.push({ id, claim: claimed })
    }
  }

  async claim(id: string, store: NonceStore): Promise<Claimed | undefined> {
    try {
      return await store.claim(nonceOf(id), hour)
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      return undefined
    }
  }

  async settle(how: 'commit' | 'release', which: number): Promise<void> {
    const [one] = this.open.splice(which % Math.max(1, this.open.length), 1)
    if (one === undefined) return
    const known = this.of(one.id)
    try {
      must(await (how === 'commit' ? one.claim.commit({ status: 200, until: 2 ** 47 }) : one.claim.release()), `who holds ${one.id} cannot ${how} it`)
      if (how === 'commit') known.isAccepted = true
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      known.isInDoubt = true
    }
    known.holder = undefined
  }
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what)
}

for (const disks of ['sound', 'unsound'] as const) {
  await t.test(`what is told in one turn, on a disk that is ${disks}`, async (t) => {
    const turns = fc.array(fc.array(step, { maxLength: 12 }), { minLength: 1, maxLength: 20, size: 'max' })
    const takes = disks === 'sound' ? fc.constant<Disk[]>([]) : fc.array(disk, { maxLength: 60, size: 'max' })
    await fc.assert(fc.asyncProperty(turns, takes, fc.constantFrom(3, 20, 10_000), async (all, takes, entries) => {
      const world = stillWorld()
      const directory = join(root, String(++made))
      const taken = await shareDirectory(directory, world)
      const left = [...takes]
      const append = ((file: number, bytes: Uint8Array) => {
        const take = left.shift() ?? 'sound'
        if (take === 'full') throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
        return writeSync(file, take === 'sound' ? bytes : bytes.subarray(0, take))
      }) as typeof writeSync
      const joined = (): NonceStore => joinDirectory(directory, taken.run, { ...world, append, fill: { bytes: entries * entryBytes, age: hour } })
      const workers = [joined(), joined(), joined()]
      const trial = new Trial()
      for (const steps of all) {
        await trial.turn(steps, workers)
        // What is owed is paid when it may be tried again.
        world.clock.advance(200)
      }
      left.length = 0
      world.clock.advance(1_000)
      await agree(trial, [...workers, joined()])
      for (const worker of workers) void worker.close()
      world.clock.stall(2 * hour)
      await taken.close()
      const next = await fileStore(directory, world)
      await agree(trial, [next])
      await next.close()
    }), { numRuns: 300 })
    t.pass('always')
  })
}

/** All say the same of each nonce, and no other than what is known. */
async function agree({ ids }: Trial, stores: readonly NonceStore[]): Promise<void> {
  for (const [id, { isAccepted, isInDoubt }] of ids) {
    const found = await Promise.all(stores.map((store) => store.find(nonceOf(id))))
    const states = new Set(found.map(({ state }) => state))
    must(states.size === 1, `${id} is ${[...states].join(' and ')}`)
    if (isAccepted) must(states.has('committed'), `${id} was accepted, and is not known`)
    if (!isAccepted && !isInDoubt) must(states.has('unknown'), `${id} was never accepted, and is known`)
  }
}
