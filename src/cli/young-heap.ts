import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import type { Clock } from '../core/ports.ts'
import type { Bytes, Milliseconds } from '../core/units.ts'

/** As large as V8 makes it while a gateway starts, or half of that: room for some hundred deliveries between two collections. */
const enough: Bytes = 8_000_000
/** How often to look whether it is there yet. */
const interval: Milliseconds = 250

/**
 * Keeps the part of the heap where objects begin as large as it is after the start, and has them begin nowhere else (docs/decisions/0509). V8 would
 * double it again and again, up to 32 MiB twice over, for deliveries of which hardly one outlives a collection; and it would make what once lived long among the
 * old objects from then on, with all that hangs on it. For who starts the process alone: it holds for all that runs in it.
 */
export function boundYoungHeap(clock: Pick<Clock, 'after'>): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
  holdOnceEnough(clock)
}

function holdOnceEnough(clock: Pick<Clock, 'after'>): void {
  if (youngCapacity() >= enough) setFlagsFromString('--semi-space-growth-factor=1')
  else clock.after(interval, () => holdOnceEnough(clock))
}

/** What fits in before it is collected. */
function youngCapacity(): Bytes {
  const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')
  return young === undefined ? 0 : young.space_used_size + young.space_available_size
}
