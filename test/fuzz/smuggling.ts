import type { Test } from '../support/gateway.ts'
import type { Chance } from './chance.ts'
import type { Fuzzer } from './main.ts'
import { mutated } from './mutations.ts'
import { smugglingCases } from './smuggling-corpus.ts'
import { findingIn, runOnWire, setStage } from './wire-run.ts'

const together = 40

/** First every permutation of the corpus, once, and then honest requests changed by chance. */
export async function smuggling(t: Test): Promise<Fuzzer> {
  const stage = await setStage(t)
  const cases = smugglingCases()
  const payloads = (chance: Chance) => {
    const permutations = cases.splice(0, together).map(([, text]) => ({ bytes: Buffer.from(text, 'latin1') }))
    return permutations.length > 0 ? permutations : Array.from({ length: together }, () => mutated(chance))
  }
  return {
    round: async (chance) => {
      const outcomes = await runOnWire(stage, payloads(chance))
      const findings = outcomes.flatMap((outcome) => {
        const finding = findingIn(outcome)
        return finding === undefined ? [] : [`${finding}: ${JSON.stringify(outcome.bytes.toString('latin1'))}`]
      })
      return { tried: outcomes.length, findings: [...findings, ...stage.receiver.junk.splice(0)] }
    },
  }
}
