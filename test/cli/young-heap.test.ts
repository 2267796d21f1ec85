import t from 'tap'
import { operate } from '../support/operated.ts'
import { startReceiver } from '../support/receiver.ts'

/** At each SIGUSR2: how much fits in now, and again after much was made that stays. */
const probe = `
import { getHeapSpaceStatistics } from 'node:v8'
const capacity = () => {
  const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')
  return young.space_used_size + young.space_available_size
}
const kept = []
process.on('SIGUSR2', () => {
  gc({ type: 'minor' })
  const before = capacity()
  for (let times = 0; times < 100; times++) kept.push(Array.from({ length: 10_000 }, () => ({ kept })))
  gc({ type: 'minor' })
  console.error('room ' + before + ', then ' + capacity() + '.')
})`

t.test('where objects begin there is room as after the start, however much stays', async (t) => {
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const gateway = await operate(t, receiver.port, {}, {}, ['--expose-gc', `--import=data:text/javascript,${encodeURIComponent(probe)}`])
  process.kill(gateway.pid, 'SIGUSR2')
  const [, before, then] = await gateway.says(/room (\d+), then (\d+)\./)
  t.ok(Number(before) >= 8_000_000, `${before} bytes before`)
  t.ok(Number(then) < Number(before) * 1.5, `${then} bytes then`)
})
