import t from 'tap'
import { chanceOf } from './chance.ts'
import { mutated } from './mutations.ts'
import { hidden, smugglingCases } from './smuggling-corpus.ts'
import { readStrictly } from './strict-reader.ts'
import { findingIn, runOnWire, setStage } from './wire-run.ts'

/**
 * What reaches the receiver is what a strict reader finds in the sender's bytes, whatever a sender writes: a slice of
 * what `npm run fuzz -- smuggling` does for as long as it is told to.
 */

const stage = await setStage(t)
const together = 40

void t.test('the judge himself is strict', (t) => {
  const head = 'POST /a HTTP/1.1\r\nHost: a\r\n'
  const read = (text: string) => readStrictly(Buffer.from(text, 'latin1'))
  t.match(read(`${head}Content-Length: 1\r\n\r\nxPOST`), { found: [{ target: '/a', body: Buffer.from('x') }], stop: 'more' })
  t.match(read(`${head}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`).found, [{ body: Buffer.from('x'), isPlain: true }])
  for (const bad of ['Content-Length: 1\r\nContent-Length: 1', 'Content-Length: 1\r\nTransfer-Encoding: chunked', 'Content-Length: +1', 'Transfer-Encoding: x', 'X : y', ' X: y', 'X: y\nZ: z', 'X: y\rZ: z', 'X: \0']) {
    t.same(read(`${head}${bad}\r\n\r\n1\r\nx\r\n0\r\n\r\n`).found, [], bad)
  }
  t.end()
})

/** Some of the permutations, always the same ones. */
void t.test('permutations of framing, lines, names and bytes', async (t) => {
  const cases = smugglingCases().filter((_, at) => at < 40 || at % 25 === 0)
  for (let at = 0; at < cases.length; at += together) {
    const part = cases.slice(at, at + together)
    const outcomes = await runOnWire(stage, part.map(([, text]) => ({ bytes: Buffer.from(text, 'latin1') })))
    const findings = outcomes.flatMap((outcome, index) => findingIn(outcome) === undefined ? [] : [[part[index]?.[0], findingIn(outcome)]])
    t.same(findings, [], `${part[0]?.[0]} … ${part.at(-1)?.[0]}`)
  }
})

void t.test('honest requests, changed by chance and cut in pieces', async (t) => {
  const chance = chanceOf(20_261_125)
  let through = 0
  for (let round = 0; round < 6; round++) {
    const outcomes = await runOnWire(stage, Array.from({ length: together }, () => mutated(chance)))
    for (const outcome of outcomes) {
      through += outcome.seen.length
      const finding = findingIn(outcome)
      if (finding !== undefined) t.fail(`${finding}: ${JSON.stringify(outcome.bytes.toString('latin1'))}`)
    }
  }
  t.ok(through > 100, `many of them got through (${through})`)
})

void t.test('a request cut at any byte is the same request', async (t) => {
  const bytes = Buffer.from(`POST /cut HTTP/1.1\r\nHost: localhost\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n5;n=v\r\nabcde\r\n0\r\n\r\n`)
  const payloads = Array.from({ length: bytes.length - 1 }, (_, at) => ({ bytes, cuts: [at + 1] }))
  for (let at = 0; at < payloads.length; at += together) {
    for (const [index, { seen, answers }] of (await runOnWire(stage, payloads.slice(at, at + together))).entries()) {
      if (seen.length !== 1 || seen[0]?.body.toString() !== 'abcde' || answers.join() !== '200') t.fail(`cut at ${at + index + 1}: ${answers.join()}`)
    }
  }
  t.pass(`${payloads.length} cuts`)
})

void t.test('two to fifty requests in one segment: each is served and answered, in order', async (t) => {
  const outcomes = await runOnWire(stage, [2, 3, 15, 16, 17, 18, 30, 50].map((count) => ({ bytes: Buffer.from(hidden.repeat(count)) })))
  for (const { seen, answers, reading: { found } } of outcomes) {
    t.equal(answers.length, found.length, `${found.length} at once`)
    t.ok(answers.every((status) => status === 200))
    t.equal(seen.length, answers.length, 'the receiver saw those that were answered')
  }
})

void t.test('and nothing that reached the receiver was ever anything but one request at a time', (t) => {
  t.same(stage.receiver.junk, [])
  t.end()
})
