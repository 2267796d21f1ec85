import type { Facts } from '../core/verdict.ts'
import type { Explanation, SignatureFacts, Step } from './explain.ts'

const marks = { pass: '✓', refuse: '✗', 'not-asked': '·' }

/** The explanation for people at a terminal. `bytes`: the signed string in hex, besides its text. */
export function printExplanation(explanation: Explanation, show: 'text' | 'bytes'): string {
  const { route, steps, likely, notes } = explanation
  return [
    `route      ${route ?? 'none'}`,
    ...steps.flatMap((step) => printStep(step, show)),
    ...notes.map((note) => `note       ${note}`),
    ...likely.map((one) => `likely     ${one}`),
    printVerdict(explanation),
    '',
  ].join('\n')
}

function printVerdict({ verdict, reason, status }: Explanation): string {
  if (verdict === 'refused') return `refused    ${reason} (${status})`
  return reason === undefined ? 'accepted' : `accepted   ${reason}`
}

function printStep({ stage, check, verdict, reason, facts, signature }: Step, show: 'text' | 'bytes'): string[] {
  const head = `${marks[verdict]} ${stage.padEnd(12)} ${check.padEnd(12)} ${reason ?? (verdict === 'not-asked' ? 'not asked' : 'pass')}`
  return [head, ...printFacts(facts), ...(signature === undefined ? [] : printSignature(signature, show))]
}

function printFacts(facts: Facts): string[] {
  return Object.entries(facts).flatMap(([name, value]) => (value === undefined ? [] : [line(name, String(value))]))
}

function printSignature({ signed, timestamp, id, found, expected, compared, keys }: SignatureFacts, show: 'text' | 'bytes'): string[] {
  return [
    line('signed', printBytes(signed)),
    ...(show === 'bytes' ? [line('in hex', Buffer.from(signed).toString('hex'))] : []),
    ...(timestamp === undefined ? [] : [line('timestamp', timestamp)]),
    ...(id === undefined ? [] : [line('id', id)]),
    ...found.map(({ where, algorithm, texts }) => line('found', `${texts.length === 0 ? 'nothing' : texts.join('  ')}  in ${where} (${algorithm})`)),
    ...expected.map(({ key, where, text }) => line('expected', `${text}  in ${where}, with ${key}`)),
    ...compared.map(({ what, found: is, expected: right }) => line(is === right ? 'agrees' : 'differs', is === right ? what : `${what} is ${is}, and would be ${right}`)),
    ...keys.map(({ reference, fingerprint }) => line('key', `${reference}, fingerprint ${fingerprint}`)),
  ]
}

function line(name: string, value: string): string {
  return `    ${name.padEnd(11)} ${value}`
}

const most = 2_000
const names = new Map([[0x0a, '\\n'], [0x0d, '\\r'], [0x09, '\\t'], [0x5c, '\\\\'], [0x22, '\\"']])

/** Bytes as a quoted text, everything that cannot be seen escaped; long ones are cut in the middle. */
function printBytes(bytes: Uint8Array): string {
  if (bytes.length <= most) return `"${escape(bytes)}"`
  return `"${escape(bytes.subarray(0, most - 100))}" … ${bytes.length - most} bytes … "${escape(bytes.subarray(-100))}"`
}

function escape(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c && byte !== 0x22
    text += plain ? String.fromCharCode(byte) : names.get(byte) ?? `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return text
}
