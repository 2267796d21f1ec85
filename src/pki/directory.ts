import { X509Certificate } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Instant, Milliseconds } from '../core/units.ts'
import { issueCertificate, makeAuthority, readAuthority, usages, type Authority } from './authority.ts'
import { writeBundle } from './bundle.ts'
import { publicMode, readText, secretMode, writeWhole } from './files.ts'
import { makeKeys, writePrivateKey, type KeyKind } from './keys.ts'
import { parseSubjectName, type Subject } from './names.ts'
import { issueRevocationList, readRevocationList, type ReadList, type Revoked } from './revocation-list.ts'

/** What an operator can mend: told as it is, without a stack trace. */
export class PkiError extends Error {
  override readonly name = 'PkiError'
}

/** A certificate that was just issued is valid for peers whose clocks are a little behind. */
const backdate: Milliseconds = 5 * 60_000

export interface Issue {
  /** Files `NAME.pem`, `NAME.key` and, with a password, `NAME.p12`. */
  readonly name: string
  readonly role: 'server' | 'sender'
  readonly subject: Subject
  /** `dns:…` `uri:…` `email:…` `ip:…` */
  readonly names: readonly string[]
  readonly kind: KeyKind
  readonly lifetime: Milliseconds
  readonly password?: string
}

/** One certificate of the directory, as `certs list` shows it. */
export interface Listed {
  readonly file: string
  readonly role: 'authority' | 'server' | 'sender' | 'other'
  readonly subject: string
  readonly names: string
  /** Lower-case hex. */
  readonly serial: string
  readonly notAfter: Instant
  readonly state: 'valid' | 'expired' | 'not yet valid' | 'revoked' | 'of another authority'
}

/**
 * A private authority in a directory: `ca.pem`, `ca.key`, `ca.crl`, and beside them what it issued. Good for tests,
 * partners and labs; a sender's certificate counts only as long as `ca.crl` is fresh, so issue that regularly.
 */
export class PkiDirectory {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  file(name: string): string {
    return join(this.path, name)
  }

  /** Makes the authority and its first, empty list. Never over one that is there. */
  async init(subject: Subject, kind: KeyKind, lifetime: Milliseconds, listLifetime: Milliseconds, now: Instant): Promise<void> {
    const there = ['ca.pem', 'ca.key'].map((name) => this.file(name)).find((file) => existsSync(file))
    if (there !== undefined) throw new PkiError(`${there} is there already: name another directory with --dir, or move it away`)
    const keys = await makeKeys(kind)
    const { certificate } = await makeAuthority({ subject, keys, pathLength: 0, notBefore: now - backdate, notAfter: now + lifetime })
    writeWhole(this.file('ca.key'), await writePrivateKey(keys.privateKey), secretMode)
    writeWhole(this.file('ca.pem'), `${certificate.toString('pem')}\n`, publicMode)
    await this.#writeList({ certificate, keys }, [], 1, now, listLifetime)
  }

  /** Issues a certificate and its key; over files of that name only where `over` says so. */
  async issue(request: Issue, now: Instant, over: 'keep' | 'replace'): Promise<void> {
    const authority = await this.#authority()
    const { name, role, subject, names, password } = request
    const written = [`${name}.pem`, `${name}.key`, ...password === undefined ? [] : [`${name}.p12`]].map((one) => this.file(one))
    const there = written.find((file) => existsSync(file))
    if (there !== undefined && over === 'keep') throw new PkiError(`${there} is there already: write --name with another name, or --force`)
    const keys = await makeKeys(request.kind)
    const certificate = await issueCertificate(authority, {
      subject, names: parseNames(names), publicKey: keys.publicKey, usages: [role === 'server' ? usages.server : usages.client],
      notBefore: now - backdate, notAfter: Math.min(now + request.lifetime, authority.certificate.notAfter.getTime()),
    })
    const key = await writePrivateKey(keys.privateKey)
    const [pem, caPem] = [certificate, authority.certificate].map((one) => `${one.toString('pem')}\n`) as [string, string]
    writeWhole(this.file(`${name}.key`), key, secretMode)
    writeWhole(this.file(`${name}.pem`), pem, publicMode)
    if (password !== undefined) writeWhole(this.file(`${name}.p12`), writeBundle({ key, certificate: pem, above: [caPem], name, password }), secretMode)
  }

  /** Puts a certificate (a name of this directory, a PEM file or a serial number) on the list and issues the list anew. */
  async revoke(which: string, reason: Revoked['reason'], now: Instant, listLifetime: Milliseconds): Promise<string> {
    const authority = await this.#authority()
    const serial = this.#serialOf(which, authority)
    const { revoked, number } = this.#list()
    if (revoked.some((one) => one.serial === serial)) throw new PkiError(`${serial} is revoked already`)
    await this.#writeList(authority, [...revoked, { serial, at: now, ...reason === undefined ? {} : { reason } }], number + 1, now, listLifetime)
    return serial
  }

  /** The same list with a new number and a later `nextUpdate`. */
  async renewList(now: Instant, listLifetime: Milliseconds): Promise<void> {
    const { revoked, number } = this.#list()
    await this.#writeList(await this.#authority(), revoked, number + 1, now, listLifetime)
  }

  /** The list as it stands; an empty one with number 0 where there is none. */
  #list(): ReadList {
    const pem = readText(this.file('ca.crl'))
    return pem === undefined ? { revoked: [], number: 0, nextUpdate: undefined } : readRevocationList(pem)
  }

  get listNextUpdate(): Instant | undefined {
    return this.#list().nextUpdate
  }

  list(now: Instant): readonly Listed[] {
    const authority = parseFirst(this.#pem('ca.pem'))
    const revoked = new Set(this.#list().revoked.map(({ serial }) => serial))
    return readdirSync(this.path).filter((file) => file.endsWith('.pem')).sort().flatMap((file) => {
      const certificate = tryParse(this.#pem(file))
      return certificate === undefined ? [] : [describe(file, certificate, { authority, revoked, now })]
    })
  }

  async #authority(): Promise<Authority> {
    try {
      return await readAuthority(this.#pem('ca.pem'), this.#pem('ca.key'))
    } catch (error) {
      if (error instanceof PkiError) throw error
      throw new PkiError(`${this.file('ca.pem')}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  #pem(name: string): string {
    const text = readText(this.file(name))
    if (text === undefined) throw new PkiError(`${this.file(name)} is not there: make an authority with \`sallyport certs init\`, or name its directory with --dir`)
    return text
  }

  #serialOf(which: string, authority: Authority): string {
    const pem = readText(this.file(`${which}.pem`)) ?? readText(which)
    if (pem === undefined) {
      if (/^[0-9a-f]{2,40}$/i.test(which)) return which.toLowerCase()
      throw new PkiError(`there is no certificate ${JSON.stringify(which)}: write a name of ${this.path}, a PEM file or a serial number in hex`)
    }
    const certificate = tryParse(pem)
    if (certificate === undefined) throw new PkiError(`${which} holds no certificate`)
    if (!isOf(certificate, new X509Certificate(authority.certificate.toString('pem')))) throw new PkiError(`${which} was not issued by ${this.file('ca.pem')}`)
    return certificate.serialNumber.toLowerCase()
  }

  async #writeList(authority: Authority, revoked: readonly Revoked[], number: number, now: Instant, lifetime: Milliseconds): Promise<void> {
    const list = await issueRevocationList(authority, { revoked, number, thisUpdate: now - backdate, nextUpdate: now + lifetime })
    writeWhole(this.file('ca.crl'), list, publicMode)
  }
}

function parseNames(names: readonly string[]) {
  try {
    return names.map(parseSubjectName)
  } catch (error) {
    throw new PkiError(error instanceof Error ? error.message : String(error))
  }
}

interface Seen { readonly authority: X509Certificate; readonly revoked: ReadonlySet<string>; readonly now: Instant }

function describe(file: string, certificate: X509Certificate, { authority, revoked, now }: Seen): Listed {
  const serial = certificate.serialNumber.toLowerCase()
  const [notBefore, notAfter] = [certificate.validFrom, certificate.validTo].map((text) => Date.parse(text)) as [number, number]
  const state = !isOf(certificate, authority) ? 'of another authority'
    : revoked.has(serial) ? 'revoked'
      : now > notAfter ? 'expired'
        : now < notBefore ? 'not yet valid' : 'valid'
  return { file, role: roleOf(certificate), subject: certificate.subject.replaceAll('\n', ', '), names: certificate.subjectAltName ?? '', serial, notAfter, state }
}

function roleOf(certificate: X509Certificate): Listed['role'] {
  if (certificate.ca) return 'authority'
  if (certificate.keyUsage?.includes(usages.server)) return 'server'
  return certificate.keyUsage?.includes(usages.client) ? 'sender' : 'other'
}

function isOf(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
}

function parseFirst(pem: string): X509Certificate {
  const certificate = tryParse(pem)
  if (certificate === undefined) throw new PkiError('ca.pem holds no certificate')
  return certificate
}

function tryParse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}
