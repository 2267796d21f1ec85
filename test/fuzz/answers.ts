import type { Test } from '../support/gateway.ts'
import { answerCases, answerOf } from './answer-mutations.ts'
import { findingOf, runAnswers, setAnswerStage } from './answers-run.ts'
import type { Chance } from './chance.ts'
import type { Fuzzer } from './main.ts'

const together = 40

/** A receiver that answers anything: first every permutation, once, and then honest answers changed by chance. */
export async function answers(t: Test): Promise<Fuzzer> {
  const stage = await setAnswerStage(t)
  const cases = answerCases()
  const payloads = (chance: Chance) => {
    const permutations = cases.splice(0, together)
    return permutations.length > 0 ? permutations : Array.from({ length: together }, () => answerOf(chance))
  }
  return {
    round: async (chance) => {
      const outcomes = await runAnswers(stage, payloads(chance))
      const findings = outcomes.flatMap((outcome) => {
        const finding = findingOf(outcome)
        return finding === undefined ? [] : [`${finding}: ${outcome.payload.method} ${JSON.stringify(outcome.payload.bytes.toString('latin1').slice(0, 500))}`]
      })
      return { tried: outcomes.length, findings }
    },
  }
}
