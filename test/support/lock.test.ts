import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import t from 'tap'
import { bare, watch } from './binary.ts'
import { locked } from './lock.ts'

const loader = resolve(import.meta.dirname, '../typescript/register.mjs')
const isFree = (file: string): boolean => spawnSync('flock', ['--nonblock', file, 'true']).status === 0

/** A process that takes the lock and keeps it. */
function holder(file: string) {
  const script = `
    import { locked } from ${JSON.stringify(new URL('lock.ts', import.meta.url).href)}
    locked(${JSON.stringify(file)}, () => {
      process.stdout.write('held')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  return watch(spawn(...bare(process.execPath, `--import=${loader}`, '--input-type=module', '--eval', script), { stdio: ['ignore', 'pipe', 'pipe'] }))
}

void t.test('what is locked is locked for all, until its owner is killed', async (t) => {
  const file = resolve(t.testdir({}), 'lock')
  const owner = holder(file)
  t.teardown(() => owner.process.kill('SIGKILL'))
  await owner.says(/held/)
  t.notOk(isFree(file))
  owner.process.kill('SIGKILL')
  await owner.exited
  t.equal(locked(file, () => isFree(file)), false, 'ours at once')
  t.ok(isFree(file), 'let go of')
})

void t.test('what fails lets go, and a child that has the descriptor holds on', async (t) => {
  const file = resolve(t.testdir({}), 'lock')
  t.throws(() => locked(file, () => { throw new Error('mine') }), { message: 'mine' })
  t.ok(isFree(file))
  const child = locked(file, (descriptor) => spawn('cat', { stdio: ['pipe', 'ignore', 'ignore', descriptor] }))
  t.notOk(isFree(file))
  child.stdin?.end()
  await once(child, 'exit')
  t.ok(isFree(file))
})

void t.test('where no lock can be had, that is said', (t) => {
  t.throws(() => locked(resolve(t.testdir({}), 'none/lock'), () => undefined), { code: 'ENOENT' })
  t.end()
})
