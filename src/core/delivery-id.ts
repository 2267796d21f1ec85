import type { Random } from './ports.ts'

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/**
 * A new name for a delivery: 128 bits as base64url (RFC 4648 section 5), 22 characters. Spelled out here, since to have Node do it takes two copies of the
 * bytes and a call into the engine for each delivery.
 */
export function newDeliveryId(random: Random): string {
  const bytes = random.bytes(16)
  let id = ''
  for (let at = 0; at < 15; at += 3) {
    const word = byteAt(bytes, at) << 16 | byteAt(bytes, at + 1) << 8 | byteAt(bytes, at + 2)
    id += letterOf(word >> 18) + letterOf(word >> 12) + letterOf(word >> 6) + letterOf(word)
  }
  const last = byteAt(bytes, 15)
  return id + letterOf(last >> 2) + letterOf(last << 4)
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number
}

function letterOf(bits: number): string {
  return letters.charAt(bits & 63)
}
