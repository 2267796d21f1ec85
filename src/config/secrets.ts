import type { KeyPath } from '../core/check.ts'
import type { ConfigurationFiles } from './files.ts'

/** Reads one environment variable. */
export type Environment = (name: string) => string | undefined

export type Report = (path: KeyPath, what: string, mend: string) => void

const cap = 64 * 1024

/**
 * The bytes behind `env:NAME`, `file:PATH` or `literal:TEXT`. A file may end in one line feed, which is not part of the
 * secret. Missing or empty is a problem: a secret is never silently empty (CVE class "empty secret verifies anything").
 * A reference that does not parse is never quoted back: it may be the secret itself, written in the wrong place.
 */
export function resolveSecret(
  reference: string, path: KeyPath, report: Report, files: ConfigurationFiles, environment: Environment,
): Uint8Array | undefined {
  const [kind, name] = split(reference)
  if (kind === 'env') return named(environment(name), path, report, `the environment variable ${name}`)
  if (kind === 'literal') return named(name, path, report, 'the literal secret')
  if (kind === 'file') return fromFile(name, path, report, files)
  report(path, 'a secret stands here as text', 'write a reference: env:NAME, file:PATH, or literal:TEXT where it is meant')
  return undefined
}

function split(reference: string): [string, string] {
  const colon = reference.indexOf(':')
  return colon === -1 ? ['', reference] : [reference.slice(0, colon), reference.slice(colon + 1)]
}

function named(text: string | undefined, path: KeyPath, report: Report, what: string): Uint8Array | undefined {
  if (text !== undefined && text !== '') return Buffer.from(text, 'utf8')
  report(path, `${what} is ${text === undefined ? 'not set' : 'empty'}`, 'set it to the secret that the sender shows')
  return undefined
}

function fromFile(name: string, path: KeyPath, report: Report, files: ConfigurationFiles): Uint8Array | undefined {
  const bytes = files.read(name, cap)
  if ('fault' in bytes) {
    report(path, `the file ${files.absolute(name)} ${bytes.fault}`, 'write the secret into that file, readable for this user')
    return undefined
  }
  const secret = withoutLastLineFeed(bytes)
  if (secret.length > 0) return secret
  report(path, `the file ${files.absolute(name)} is empty`, 'write the secret into that file')
  return undefined
}

function withoutLastLineFeed(bytes: Uint8Array): Uint8Array {
  if (bytes.at(-1) !== 0x0a) return bytes
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1)
}
