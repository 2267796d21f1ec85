/** What a status line says (RFC 9112 §4). The reason phrase means nothing. */
export interface StatusLine {
  readonly status: number
  readonly version: '1.0' | '1.1'
}

/** Undefined for anything else, an empty blank before a missing reason phrase apart: many servers leave both out. */
export function parseStatusLine(line: string): StatusLine | undefined {
  const found = /^HTTP\/(1\.[01]) ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(line)
  if (found === null) return undefined
  return { version: found[1] === '1.0' ? '1.0' : '1.1', status: Number(found[2]) }
}
