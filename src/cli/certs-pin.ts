import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command } from 'commander'
import { fingerprintOf } from '../certificates/chain.ts'
import { readCertificates } from '../certificates/pem.ts'
import { approvalsFile, parseApprovals, printApprovals, type Approved } from '../config/approvals.ts'
import { readConfiguration } from '../config/compile.ts'
import type { Settings } from '../config/schema.ts'
import { publicMode, readText, writeWhole } from '../pki/files.ts'
import { repeated } from './repeated.ts'
import { UsageError } from './usage-error.ts'

interface Options {
  readonly config: string
  readonly cert?: readonly string[]
  readonly fingerprint?: readonly string[]
  readonly remove?: true
}

/** `sallyport certs pin`: which certificates a route with `pin: first-use` takes, by an operator's word. */
export function pinCommand(): Command {
  return new Command('pin').description('approve a certificate for a route with `pin: first-use`; without one: list what is approved')
    .argument('[route]', 'the name of the route')
    .option('-c, --config <file>', 'configuration file', 'config/sallyport.yaml')
    .option('--cert <pem>', 'the certificate, the first one of this file (several: again)', repeated)
    .option('--fingerprint <sha256>', 'its fingerprint, sha256: and 64 hex digits, as audit records show it (several: again)', repeated)
    .option('--remove', 'take the approval back')
    .exitOverride()
    .addHelpText('after', `
From the first approval on, the approved certificates of a route are the only ones that it takes; what it remembered by itself
counts no more. A running gateway takes the change by itself. Before a sender changes its certificate, approve the old one and
the new one; afterwards take the old one back.

Examples:
  sallyport certs pin
  sallyport certs pin partner --cert partner-2027.pem
  sallyport certs pin partner --fingerprint sha256:… --remove`)
    .action((route: string | undefined, options: Options) => { process.stdout.write(`${pin(route, options)}\n`) })
}

function pin(name: string | undefined, { config, cert = [], fingerprint = [], remove }: Options): string {
  const pinned = pinnedRoutes(readConfiguration(config).loaded.settings)
  const file = approvalsFile(resolve(config))
  const approved = readApproved(file)
  const pins = [...cert.map(ofFile), ...fingerprint.map(ofText)]
  if (pins.length === 0 && remove !== undefined) throw new UsageError('which one? write --cert PEM or --fingerprint sha256:…')
  if (pins.length === 0) return list(pinned.filter((route) => name === undefined || route === name), approved)
  if (name === undefined || !pinned.includes(name)) {
    const known = pinned.length === 0 ? 'no route says it' : `these do: ${pinned.join(', ')}`
    throw new UsageError(`${name === undefined ? 'name the route' : `${name} is no route with \`pin: first-use\``}; ${known}`)
  }
  const before = approved.get(name) ?? []
  const strange = remove === undefined ? undefined : pins.find((one) => !before.includes(one))
  if (strange !== undefined) throw new UsageError(`${strange} is not approved for ${name}`)
  const after = remove === undefined ? [...new Set([...before, ...pins])] : before.filter((one) => !pins.includes(one))
  const written = new Map([...approved, [name, after]])
  writeWhole(file, printApprovals(written), publicMode)
  return `wrote ${file}\n${list([name], written)}`
}

/** Routes with `certificate: { pin: first-use }`. */
function pinnedRoutes({ routes }: Settings): readonly string[] {
  return routes.flatMap((route) => {
    const { certificate } = route as { readonly certificate?: { readonly pin?: string } }
    return certificate?.pin === undefined ? [] : [route.name]
  })
}

function readApproved(file: string): Approved {
  const text = readText(file)
  const approved = text === undefined ? new Map<string, readonly string[]>() : parseApprovals(text, file)
  if (approved === undefined) throw new UsageError(`${file} is not as this command writes it: mend it or move it away`)
  return approved
}

function list(routes: readonly string[], approved: Approved): string {
  if (routes.length === 0) return 'no route says `pin: first-use`'
  return routes.map((route) => {
    const pins = approved.get(route)
    if (pins === undefined) return `${route}: the first certificate that is accepted (nothing is approved)`
    return pins.length === 0 ? `${route}: none (every approval was taken back)` : `${route}: ${pins.join(', ')}`
  }).join('\n')
}

function ofFile(file: string): string {
  try {
    const [leaf] = readCertificates(readFileSync(file, 'latin1'))
    if (leaf !== undefined) return `sha256:${fingerprintOf(leaf)}`
  } catch (error) {
    throw new UsageError(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
  throw new UsageError(`${file} holds no certificate`)
}

/** `sha256:AB:CD:…` → `sha256:abcd…`. */
function ofText(text: string): string {
  const found = /^(?:sha256:)?((?:[0-9a-f]{2}:?){31}[0-9a-f]{2})$/i.exec(text)?.[1]
  if (found === undefined) throw new UsageError(`${JSON.stringify(text)} is no fingerprint: write sha256: and 64 hex digits`)
  return `sha256:${found.replaceAll(':', '').toLowerCase()}`
}
