import { resolve } from 'node:path'
import { z } from 'zod'
import type { Problem } from '../core/plan.ts'
import { readDocument } from './document.ts'
import type { ConfigurationFiles } from './files.ts'

/**
 * Certificates that an operator approved, by route, where a route says `pin: first-use`. They stand in a file beside the
 * configuration, which is watched: what `sallyport certs pin` writes there counts in every process that reads it, whatever
 * store remembers the first use.
 */
export type Approved = ReadonlyMap<string, readonly string[]>

const digits = /^sha256:([0-9a-f]{64})$/
const schema = z.record(z.string(), z.array(z.string().regex(digits)))

/** `/etc/sallyport.yaml` → `/etc/sallyport.pins.yaml`. */
export function approvalsFile(configuration: string): string {
  return `${configuration.replace(/\.ya?ml$/, '')}.pins.yaml`
}

/** Undefined for a text that is not one of ours: nothing of it counts then. */
export function parseApprovals(text: string, file: string): Approved | undefined {
  const { value, problems } = readDocument(text, file)
  const parsed = schema.safeParse(value ?? {})
  return problems.length === 0 && parsed.success ? new Map(Object.entries(parsed.data)) : undefined
}

export function printApprovals(approved: Approved): string {
  const routes = [...approved].map(([route, pins]) => `${JSON.stringify(route)}:${pins.length === 0 ? ' []' : pins.map((pin) => `\n  - ${pin}`).join('')}\n`)
  return `# Certificates that were approved, by route; \`sallyport certs pin\` writes this. Where a route stands here, these alone are taken.\n${routes.join('')}`
}

/** The approvals that belong to a configuration; the file is read when the first route asks. */
export class Approvals {
  readonly #files: ConfigurationFiles
  readonly #report: (problem: Problem) => void
  #read: Approved | undefined

  constructor(files: ConfigurationFiles, report: (problem: Problem) => void) {
    this.#files = files
    this.#report = report
  }

  /** Undefined where nobody ever approved anything for this route; empty where every approval was taken back. */
  of(route: string): ReadonlySet<string> | undefined {
    const pins = (this.#read ??= this.#load()).get(route)
    return pins && new Set(pins.map((pin) => pin.slice('sha256:'.length)))
  }

  #load(): Approved {
    const path = approvalsFile(resolve(this.#files.configuration))
    const bytes = this.#files.readIfThere(path, 1024 * 1024)
    if (bytes === undefined) return new Map()
    const approved = 'fault' in bytes ? undefined : parseApprovals(Buffer.from(bytes).toString('utf8'), path)
    if (approved !== undefined) return approved
    const what = `the file ${path} ${'fault' in bytes ? bytes.fault : 'does not hold routes, each with a list of `sha256:` and 64 hex digits'}`
    this.#report({ path: ['routes'], what, mend: 'let `sallyport certs pin` write it' })
    return new Map()
  }
}
