import { existsSync } from 'node:fs'
import t from 'tap'
import { Headers } from '../../src/core/headers.ts'
import type { Verifiable } from '../../src/schemes/reading.ts'
import { oracles } from '../support/oracles/index.ts'
import type { Mail, Oracle } from '../support/oracles/oracle.ts'
import { makeKey } from '../support/senders/parcel.ts'
import { post, publicUrl } from '../support/senders/post.ts'
import { compiled, judge, preset } from '../support/vectors.ts'

/**
 * The sender's own library and the preset judge the same deliveries alike, and what the library signs passes. The libraries
 * look at the clock themselves, so this is the one test that reads it.
 */
const installed = existsSync(new URL('../oracles/node_modules/', import.meta.url))
if (!installed) t.fail('the libraries of senders are not installed: `npm run oracles` does that')

for (const [name, oracle] of Object.entries(installed ? oracles : {})) {
  t.test(`${name}: ${oracle.by}`, async (t) => {
    const at = Date.now()
    const posted = post(name, oracle.body === undefined ? { at } : { at, whole: oracle.body })
    if (posted === undefined) throw new Error(`${name} has no sender`)
    const { scheme } = compiled(preset(name), posted.keys, publicUrl)
    if (scheme === undefined) throw new Error(`${name} does not compile`)
    const { delivery, key } = posted
    const stranger = makeKey(posted.sender.key).written
    const cases: [string, Verifiable, boolean, string?][] = [
      ['good', delivery, true],
      ['another body', { ...delivery, body: withAnotherLetter(delivery.body) }, false],
      ...lines(delivery).map(([header]): [string, Verifiable, boolean] => [`another ${header}`, without(delivery, header), false]),
    ]
    for (const [how, judged, right] of cases) {
      t.equal(await accepts(oracle, judged, key.written), right, `${how}: the library`)
      t.equal(await judge(scheme, judged) === 'signed', right, `${how}: the preset`)
    }
    t.equal(await accepts(oracle, delivery, stranger), false, 'another key: the library')
    if (oracle.signs === undefined) return
    const signed = await oracle.signs(mailOf(delivery, key.written), at)
    t.equal(await judge(scheme, { ...delivery, headers: new Headers(Object.entries(signed).flat()) }), 'signed', 'what the library signs passes')
  })
}

function lines({ headers }: Verifiable): [string, string][] {
  const signed = headers.names.filter((name) => /signature/.test(name) && !/version/.test(name))
  return signed.map((name) => [name, headers.one(name) as string])
}

/** With its last letter or digit changed. */
function withAnotherLetter(body: Uint8Array): Uint8Array {
  const text = Buffer.from(body).toString('latin1')
  const last = text.search(/[A-Za-z0-9][^A-Za-z0-9]*$/)
  return Uint8Array.from(body, (byte, at) => (at === last ? byte + 1 : byte))
}

/** With the middle of one header changed. */
function without(delivery: Verifiable, header: string): Verifiable {
  const raw = delivery.headers.names.flatMap((name) => {
    const value = delivery.headers.one(name) as string
    const middle = value.length >> 1
    return [name, name === header ? value.slice(0, middle) + (value[middle] === '0' ? '1' : '0') + value.slice(middle + 1) : value]
  })
  return { ...delivery, headers: new Headers(raw) }
}

function mailOf(delivery: Verifiable, secret: string): Mail {
  const headers = Object.fromEntries(delivery.headers.names.map((name) => [name, delivery.headers.one(name) as string]))
  return { body: Buffer.from(delivery.body).toString(), headers, secret, url: publicUrl }
}

async function accepts(oracle: Oracle, delivery: Verifiable, secret: string): Promise<boolean> {
  return await oracle.accepts(mailOf(delivery, secret))
}
