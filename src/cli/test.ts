import { Command } from 'commander'
import { runPolicyTests, type CaseResult } from '../explain/policy-test.ts'
import { systemWorld } from '../world.ts'
import { UsageError } from './usage-error.ts'

/** `sallyport test`: a policy is reviewed like code, so it is tested like code. */
export function testCommand(): Command {
  return new Command('test')
    .description('run policy tests against a configuration, without a socket; prints TAP, exit 0 where all pass')
    .argument('<tests...>', 'YAML files of cases')
    .option('-c, --config <file>', 'configuration file', 'config/sallyport.yaml')
    .addHelpText('after', '\nA file of tests:\n  now: 2026-11-23T12:00:00Z\n  environment: { STRIPE_SECRET: whsec_of_the_tests }\n  tests:\n'
      + '    - name: a signed delivery passes\n      request: { url: "https://hooks.example.com/stripe", body: "{}" }\n'
      + '      sign: { preset: stripe, secret: env:STRIPE_SECRET }\n      from: 203.0.113.7\n      expect: { verdict: accepted, route: stripe }\n'
      + '\nExamples:\n  sallyport test policy.test.yaml\n  sallyport test -c config/sallyport.yaml tests/*.yaml')
    .action(run)
}

async function run(files: readonly string[], { config }: { readonly config: string }): Promise<void> {
  const results: CaseResult[] = []
  for (const file of files) {
    const ran = await runPolicyTests(file, config, systemWorld)
    if ('mistake' in ran) throw new UsageError(ran.mistake)
    results.push(...ran)
  }
  process.stdout.write(printTap(results))
  process.exitCode = results.every(({ differences }) => differences.length === 0) ? 0 : 1
}

/** TAP version 14 (https://testanything.org). */
function printTap(results: readonly CaseResult[]): string {
  const lines = results.flatMap(({ name, differences }, at) => [
    `${differences.length === 0 ? 'ok' : 'not ok'} ${at + 1} - ${name.replace(/[#\\]/g, '\\$&')}`,
    ...(differences.length === 0 ? [] : ['  ---', ...differences.map((one) => `  - ${JSON.stringify(one)}`), '  ...']),
  ])
  return ['TAP version 14', `1..${results.length}`, ...lines, ''].join('\n')
}
