import { Der, tags } from './der.ts'

/**
 * Where the peer's certificate (DER) stands in a TLS session as OpenSSL writes it (i2d_SSL_SESSION(3)); a view, no copy.
 * Undefined where there is none, and where the session is not of the form that is known here.
 *
 * Before it stand version, protocol, cipher, id and secret, and by their tags [0] key argument, [1] time, [2] time-out.
 */
export function certificateInSession(session: Buffer): Buffer | undefined {
  try {
    return find(session)
  } catch {
    return undefined
  }
}

const before = [tags.integer, tags.integer, tags.octetString, tags.octetString, tags.octetString]
const maybeBefore = [0x80, 0xa1, 0xa2]
const peer = 0xa3

function find(bytes: Buffer): Buffer | undefined {
  const session = new Der(bytes)
  const { content, end } = session.take(tags.sequence)
  let at = content
  for (const tag of before) at = session.endOf(at, end, tag)
  for (const tag of maybeBefore) if (at < end && bytes[at] === tag) at = session.endOf(at, end, tag)
  if (at >= end || bytes[at] !== peer) return undefined
  const wrapper = new Der(bytes, at, end).take(peer)
  const last = session.endOf(wrapper.content, wrapper.end, tags.sequence)
  return last === wrapper.end ? bytes.subarray(wrapper.content, last) : undefined
}
