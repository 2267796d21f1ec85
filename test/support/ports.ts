import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Ports for programs that must be told one, and ports where nobody listens. They lie below those that systems give away
 * by themselves, so that no server or client of another test gets one in between; and whoever takes one leaves a file
 * for as long as its process lives. A Redis of a cluster wants the port 10,000 above its own as well.
 */
const [lowest, count] = [10_000, 10_000]
const directory = join(tmpdir(), 'sallyport-ports')
const taken: string[] = []
process.once('exit', () => { for (const file of taken) rmSync(file, { force: true }) })

export async function freePort(): Promise<number> {
  for (;;) {
    const port = lowest + Math.floor(Math.random() * count)
    if (take(port) && await isFree(port)) return port
  }
}

export function freePorts(wanted: number): Promise<number[]> {
  return Promise.all(Array.from({ length: wanted }, freePort))
}

function take(port: number): boolean {
  const file = join(directory, String(port))
  mkdirSync(directory, { recursive: true })
  try {
    closeSync(openSync(file, 'wx'))
  } catch {
    return false
  }
  taken.push(file)
  return true
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => { server.close(() => resolve(true)) })
  })
}
