/** What a request line says (RFC 9112 §3). Whether its target is sound is for the guard to say. */
export interface RequestLine {
  readonly method: string
  readonly target: string
  readonly version: '1.0' | '1.1'
}

export type RequestLineFault = 'request-line' | 'version'

/**
 * `METHOD target HTTP/1.1`, with one blank between, and no other version: not the protocols whose lines look alike (`RTSP/1.0`,
 * `ICE/1.0`), not HTTP/0.9, which has none. A method is capital letters and `-`; the target is visible ASCII.
 */
export function parseRequestLine(line: string): RequestLine | RequestLineFault {
  const first = line.indexOf(' ')
  const last = line.length - versionLength
  if (first < 1 || !isMethod(line, first)) return 'request-line'
  if (line.indexOf(' ', first + 1) === -1 || line.lastIndexOf(' ') !== last) return 'version'
  if (last <= first + 1 || !isVisible(line, first + 1, last)) return 'request-line'
  const version = versionOf(line, last + 1)
  return version === undefined ? 'version' : { method: line.slice(0, first), target: line.slice(first + 1, last), version }
}

const versionLength = ' HTTP/1.1'.length

function versionOf(line: string, at: number): RequestLine['version'] | undefined {
  if (line.endsWith('HTTP/1.1')) return '1.1'
  return line.startsWith('HTTP/1.0', at) ? '1.0' : undefined
}

function isMethod(line: string, end: number): boolean {
  for (let at = 0; at < end; at++) {
    const code = line.charCodeAt(at)
    if ((code < 0x41 || code > 0x5a) && code !== 0x2d) return false
  }
  return true
}

function isVisible(line: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const code = line.charCodeAt(at)
    if (code < 0x21 || code > 0x7e) return false
  }
  return true
}

/** Can this beginning of a line still become a request line? What speaks another protocol need not be waited for. */
export function couldBeRequestLine(text: string): boolean {
  // Its LF may be still to come.
  const end = text.endsWith('\r') ? text.length - 1 : text.length
  const blank = text.indexOf(' ')
  return isMethod(text, blank === -1 ? end : blank) && isLine(text, end)
}

function isLine(text: string, end: number): boolean {
  for (let at = 0; at < end; at++) if (text.charCodeAt(at) < 0x20 || text.charCodeAt(at) > 0x7e) return false
  return true
}
