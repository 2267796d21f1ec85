import { execFileSync } from 'node:child_process'

/**
 * No file of this process may grow beyond so many bytes (RLIMIT_FSIZE of setrlimit(2)), which fails half-way as a full disk does,
 * with EFBIG, and needs no rights. Devices and pipes are not held to it. Gives what ends it; the end of the test does, too.
 */
export function fillDisk(t: { readonly teardown: (run: () => unknown) => unknown }, bytes: number): () => void {
  // The signal that comes with it would end the process.
  const ignore = (): void => undefined
  process.on('SIGXFSZ', ignore)
  const lift = (): void => limit('unlimited')
  t.teardown(() => {
    lift()
    process.off('SIGXFSZ', ignore)
  })
  limit(String(bytes))
  return lift
}

/** The soft limit alone: the other one could not be raised again. */
function limit(bytes: string): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`])
}
