import { readFileSync, readdirSync } from 'node:fs'

/** What the operating system says of a process and all that descend from it. Linux only. */
export interface Usage {
  readonly pids: readonly number[]
  /** Time on a CPU, all threads, user and kernel. */
  readonly cpuMicroseconds: number
  readonly residentMiB: number
  /** The highest that resident memory has been, each process's own peak added up. */
  readonly peakMiB: number
  readonly descriptors: number
}

/** Reads `/proc` for `root` and its descendants. */
export function usageOf(root: number): Usage {
  const pids = family(root)
  const total = { pids, cpuMicroseconds: 0, residentMiB: 0, peakMiB: 0, descriptors: 0 }
  for (const pid of pids) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    total.cpuMicroseconds += cpuOf(pid)
    total.residentMiB += mebibytes(status, 'VmRSS')
    total.peakMiB += mebibytes(status, 'VmHWM')
    total.descriptors += readdirSync(`/proc/${pid}/fd`).length
  }
  return total
}

/** `schedstat` counts nanoseconds where `stat` counts hundredths of a second. */
function cpuOf(pid: number): number {
  let nanoseconds = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  }
  return nanoseconds / 1000
}

function mebibytes(status: string, field: string): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)
  return Number(found?.[1] ?? 0) / 1024
}

function family(root: number): number[] {
  const parents = new Map(readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((name) => [Number(name), parentOf(name)]))
  const found = [root]
  for (const ancestor of found) {
    for (const [pid, parent] of parents) if (parent === ancestor) found.push(pid)
  }
  return found
}

/** Undefined for a process that ended while we looked. */
function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return undefined
  }
}
