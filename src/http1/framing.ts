import { lowerName } from '../core/field-name.ts'
import type { Framing } from './body-decoder.ts'

/** What the lines of a head say about the message as a whole, whoever sent it. */
export interface MessageFrame {
  readonly framing: Framing
  /** What `Connection` asks for; undefined where it says nothing of it (RFC 9112 §9.3). `upgrade`: what follows may be no HTTP. */
  readonly connection: 'close' | 'upgrade' | 'keep-alive' | undefined
  /** The sender waits for `100 Continue` (RFC 9110 §10.1.1). */
  readonly expectsContinue: boolean
}

/** One look at every line. A length that is not plain decimal, or stands twice, is `unclear`, and so is a length beside chunks. */
export function frameOf(fields: readonly string[]): MessageFrame {
  let framing: Framing = 'unsaid'
  let connection: MessageFrame['connection']
  let expectsContinue = false
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string
    switch (name.length) {
      case 6: if (lowerName(name) === 'expect') expectsContinue = isName(fields[at + 1] as string, '100-continue'); break
      case 10: if (lowerName(name) === 'connection') connection = connectionOf(fields[at + 1] as string, connection); break
      case 14: if (lowerName(name) === 'content-length') framing = framing === 'unsaid' ? lengthOf(fields[at + 1] as string) : 'unclear'; break
      case 17: if (lowerName(name) === 'transfer-encoding') framing = framing === 'unsaid' ? encodingOf(fields[at + 1] as string) : 'unclear'; break
    }
  }
  return { framing, connection, expectsContinue }
}

/** `wanted` in small letters. */
function isName(name: string, wanted: string): boolean {
  return name === wanted || name.toLowerCase() === wanted
}

function encodingOf(value: string): Framing {
  return isName(value, 'chunked') ? 'chunked' : 'unclear'
}

/** Fifteen digits are more than any body has, and exact as a number. */
function lengthOf(value: string): Framing {
  if (value.length === 0 || value.length > 15) return 'unclear'
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at)
    if (code < 0x30 || code > 0x39) return 'unclear'
  }
  return Number(value)
}

/** `close` wins, wherever it stands, and then `upgrade`. */
function connectionOf(value: string, before: MessageFrame['connection']): MessageFrame['connection'] {
  const asked = lowerName(value)
  if (before === 'close' || asked === 'close') return 'close'
  if (asked === 'keep-alive') return before ?? 'keep-alive'
  const options = asked.split(',').map((option) => option.trim())
  if (options.includes('close')) return 'close'
  if (before === 'upgrade' || options.includes('upgrade')) return 'upgrade'
  return options.includes('keep-alive') ? 'keep-alive' : before
}
