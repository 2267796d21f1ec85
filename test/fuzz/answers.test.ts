import t from 'tap'
import { answerCases, answerOf, type Payload } from './answer-mutations.ts'
import { findingOf, runAnswers, setAnswerStage } from './answers-run.ts'
import { chanceOf } from './chance.ts'

/**
 * What a sender gets is what Node's own client reads in the receiver's bytes, or a refusal, whatever a receiver writes; and nothing of
 * it is ever the answer to another delivery: a slice of what `npm run fuzz -- answers` does for as long as it is told to.
 */

const stage = await setAnswerStage(t)
const together = 40

async function judge(t: { readonly fail: (what: string) => unknown }, payloads: readonly Payload[]): Promise<number> {
  let through = 0
  for (let at = 0; at < payloads.length; at += together) {
    for (const outcome of await runAnswers(stage, payloads.slice(at, at + together))) {
      if (outcome.gateway !== 'none') through++
      const finding = findingOf(outcome)
      if (finding !== undefined) t.fail(`${finding}: ${JSON.stringify(outcome.payload.bytes.toString('latin1').slice(0, 300))}`)
    }
  }
  return through
}

void t.test('permutations of status lines, framings and bodies', async (t) => {
  const cases = answerCases().filter((_, at) => at < 48 || at % 61 === 0)
  t.ok(await judge(t, cases) > 10)
})

void t.test('honest answers, changed by chance and cut in pieces', async (t) => {
  const chance = chanceOf(20_261_126)
  t.ok(await judge(t, Array.from({ length: 240 }, () => answerOf(chance))) > 80, 'many of them got through')
})
