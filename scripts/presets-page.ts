import { allPresetFacts, strengths, type PresetFacts } from '../src/schemes/preset-facts.ts'
import { withoutPreset } from './senders-without-preset.ts'

/** `docs/presets.md`: made from the presets themselves. */
export function presetsPage(): string {
  const all = allPresetFacts()
  return `${[
    introduction(all), '## The presets', table(all), '## What is left open', risks(all), '## Senders without a preset', others(),
    '## Your own sender', ownSender,
  ].join('\n\n')}\n`
}

function introduction(all: readonly PresetFacts[]): string {
  const by = (how: string) => all.filter(({ document }) => document.verifiedWith === how).length
  return `<!-- Made by \`npm run docs\` from config/presets/. Do not edit. -->
# Presets

${all.length} senders by name: \`signature: { preset: stripe, secrets: ["env:STRIPE_SECRET"] }\`. \`sallyport presets\` lists them, \`sallyport presets NAME\`
shows one in full.

**Strength**: ${Object.entries(strengths).map(([name, about]) => `\`${name}\`: ${about}`).join(' · ')}.

**Proof**: how the preset was proven. ${by('vector')} by \`vector\`, messages with keys and signatures that the sender or its library's own tests
published; ${by('sdk')} by \`sdk\`, where the sender's official library judges the same deliveries in the tests; ${by('document')} by \`document\`, written from the
documentation. Each of them meets a sender that was written a second time, from the same documentation and without this engine,
and refuses what that sender signed once it is spoilt: body, each header, time, key, algorithm, spelling.

**Retries**: \`resign\`, a retry is signed anew · \`repeat\`, it is the same bytes again · \`none\`, the sender makes none, or says nothing about it.
\`docs/replay.md\` tells what follows from that.`
}

function table(all: readonly PresetFacts[]): string {
  const rows = all.map(({ name, document: { title, docs, verifiedWith, retries }, strength, open }) => (
    `| \`${name}\` | [${title}](${docs}) | ${strength} | ${verifiedWith} | ${retries} | ${open.join(', ')} |`
  ))
  return ['| preset | sender | strength | proof | retries | leaves open |', '| --- | --- | --- | --- | --- | --- |', ...rows].join('\n')
}

/** Each sentence once, with the presets that it is true of. */
function risks(all: readonly PresetFacts[]): string {
  const byRisk = new Map<string, string[]>()
  for (const { name, document } of all) for (const risk of document.risks ?? []) byRisk.set(risk, [...byRisk.get(risk) ?? [], name])
  const sorted = [...byRisk].sort(([, one], [, other]) => other.length - one.length)
  return sorted.map(([risk, names]) => `- ${risk} (${names.map((name) => `\`${name}\``).join(', ')})`).join('\n')
}

function others(): string {
  return withoutPreset.map(({ what, senders }) => `- ${what} ${senders.join(', ')}.`).join('\n')
}

const ownSender = `A sender that is not listed is written in the same language, below \`signature: { scheme: … }\`; the files in \`config/presets/\` are
examples of it. For a plain HMAC there is \`preset: hmac\`, for a static token \`preset: header-token\` or \`preset: bearer\`.`
