import type { Readable } from 'node:stream'

/**
 * Hands on what a worker writes, whole lines only: lines of several workers never mix, however a pipe cuts them. Resolves
 * when the worker has closed its end; half a line of a worker that died is dropped.
 */
export function forwardLines(from: Readable, write: (lines: string) => void): Promise<void> {
  let rest: Buffer = Buffer.alloc(0)
  from.on('data', (chunk: Buffer) => {
    const end = chunk.lastIndexOf(0x0a)
    if (end === -1) {
      rest = Buffer.concat([rest, chunk])
      return
    }
    write(Buffer.concat([rest, chunk.subarray(0, end + 1)]).toString('utf8'))
    rest = chunk.subarray(end + 1)
  })
  return new Promise((resolve) => { from.once('close', resolve) })
}
