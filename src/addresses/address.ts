import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { Address } from '../core/delivery.ts'

/**
 * Addresses have one form: 16 bytes, IPv4 as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2). `1.2.3.4` and `::ffff:1.2.3.4`
 * are therefore the same address. 6to4 (2002::/16), NAT64 (64:ff9b::/96, 64:ff9b:1::/48), Teredo, ISATAP and IPv4-compatible
 * (::/96) addresses carry IPv4 bytes, too, but are somebody else's claim about them: they stay the IPv6 addresses that they are, and no IPv4
 * rule ever holds for them.
 */

/** The 12 bytes in front of an IPv4 address. */
const mappedPrefix = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff)

/**
 * Text → address. Undefined for anything that could be read in two ways: octal, hexadecimal and short forms of IPv4,
 * zones (`fe80::1%eth0`), brackets, ports, white space. Two parsers (Node's and ipaddr.js) have to agree.
 */
export function parseAddress(text: string): Address | undefined {
  if (isIP(text) === 0 || text.includes('%')) return undefined
  const plain = isIP(text) === 6 ? inGroups(text) : text
  if (!ipaddr.isValid(plain)) return undefined
  const bytes = ipaddr.parse(plain).toByteArray()
  return addressOf(bytes.length === 4 ? [...mappedPrefix, ...bytes] : bytes)
}

/** A dotted tail as two groups: ipaddr.js would take the IPv4-compatible `::1.2.3.4` for `::ffff:1.2.3.4`. */
function inGroups(text: string): string {
  const tail = text.slice(text.lastIndexOf(':') + 1)
  if (!tail.includes('.')) return text
  const [a, b, c, d] = tail.split('.').map(Number) as [number, number, number, number]
  return `${text.slice(0, -tail.length)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
}

/** 4 or 16 bytes in network order → address. Throws for any other length, which is a mistake of the caller. */
export function addressFromBytes(bytes: Uint8Array): Address {
  return addressOf(bytes.length === 4 ? [...mappedPrefix, ...bytes] : [...bytes])
}

function addressOf(bytes: readonly number[]): Address {
  const address = new ipaddr.IPv6([...bytes])
  const text = address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String()
  return { bytes: Uint8Array.from(bytes), text }
}

/** Is it IPv4, however it was spelled? */
export function isIPv4(bytes: Uint8Array): boolean {
  // From its end: most others differ there.
  for (let at = mappedPrefix.length - 1; at >= 0; at--) if (bytes[at] !== mappedPrefix[at]) return false
  return true
}

/** The most peers whose parsed address is remembered; then the memory starts anew. */
const remembered = 4_096
const peers = new Map<string, Address>()

/**
 * The address of a socket's peer as Node prints it. A zone is dropped here: the kernel added it to a link-local address,
 * nobody spelled it. Undefined once the socket is closed.
 */
export function fromSocket(remoteAddress: string | undefined): Address | undefined {
  if (remoteAddress === undefined) return undefined
  const known = peers.get(remoteAddress)
  if (known !== undefined) return known
  const zone = remoteAddress.indexOf('%')
  const address = parseAddress(zone === -1 ? remoteAddress : remoteAddress.slice(0, zone))
  if (address === undefined) return undefined
  if (peers.size >= remembered) peers.clear()
  peers.set(remoteAddress, address)
  return address
}
