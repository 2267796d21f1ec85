import type { KeptSecrets } from '../core/kept.ts'

/** For one process, and no longer than it lives: after a restart the sender has to hand its secret over again. */
export function memoryKept(): KeptSecrets {
  const secrets = new Map<string, Uint8Array>()
  return {
    read: (name) => secrets.get(name),
    keep: (name, secret) => {
      const known = secrets.get(name)
      if (known === undefined) secrets.set(name, Uint8Array.from(secret))
      return known === undefined || Buffer.compare(known, secret) === 0
    },
  }
}
