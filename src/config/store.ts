import type { Problem } from '../core/plan.ts'
import type { StorePlan } from '../core/store-plan.ts'
import { fileReference, type ConfigurationFiles } from './files.ts'
import type { Settings } from './schema.ts'
import { resolveSecret, type Environment, type Report } from './secrets.ts'

type StoreSettings = Settings['replay']
/** The keys of `replay:` that only a server takes. */
const serverKeys = ['user', 'password', 'tls', 'onStoreFailure'] as const

/** What the frame's `replay:` says of the store: secrets resolved, certificates read. Every mistake goes to `problem`. */
export function compileStore(
  settings: StoreSettings, files: ConfigurationFiles, environment: Environment, problem: (problem: Problem) => void,
): StorePlan {
  const report: Report = (path, what, mend) => problem({ path: ['replay', ...path], what, mend })
  const url = fileReference(settings.store, files)
  if (url !== 'memory:' && !/^(file:|rediss?:\/\/)./.test(url)) {
    report(['store'], `${JSON.stringify(settings.store)} is no store of nonces`, 'write `memory:`, `file:PATH` or `redis://HOST`')
  }
  if (!/^rediss?:/.test(url)) {
    for (const key of serverKeys) {
      if (settings[key] !== undefined) report([key], 'this store is no server', `leave ${key} out, or name a redis:// store`)
    }
  }
  if (settings.tls !== undefined && url.startsWith('redis:')) report(['tls'], 'this store is reached in plain', 'write rediss:// in place of redis://')
  const { ca, certificate, key } = settings.tls ?? {}
  const pem = (name: string | undefined, under: string) => (name === undefined ? undefined : readPem(name, under, files, report))
  const password = settings.password === undefined ? undefined : resolveSecret(settings.password, ['password'], report, files, environment)
  return {
    url, user: settings.user, password: password && Buffer.from(password).toString('utf8'),
    tls: { ca: pem(ca, 'ca'), certificate: pem(certificate, 'certificate'), key: pem(key, 'key') },
    timeout: settings.timeout, onFailure: settings.onStoreFailure ?? 'refuse',
  }
}

function readPem(name: string, under: string, files: ConfigurationFiles, report: Report): string | undefined {
  const bytes = files.read(name, 1024 * 1024)
  const text = 'fault' in bytes ? '' : Buffer.from(bytes).toString('latin1')
  if (text.includes('-----BEGIN ')) return text
  report(['tls', under], `the file ${files.absolute(name)} ${'fault' in bytes ? bytes.fault : 'holds no PEM'}`, 'name a PEM file')
  return undefined
}
