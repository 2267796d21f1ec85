import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { webcrypto } from 'node:crypto'

/** Files of a small P-256 PKI, all PEM. */
export interface Certificates {
  readonly ca: string
  readonly caKey: string
  readonly server: string
  readonly serverKey: string
  /** Leaf and key in one file, as HAProxy wants it. */
  readonly serverBundle: string
  readonly sender: string
  readonly senderKey: string
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** Makes a CA, a server certificate for `localhost` and a sender's certificate, all P-256, in `folder`. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  mkdirSync(folder, { recursive: true })
  const authority = await makeAuthority()
  const server = await issue(authority, 'localhost', x509.ExtendedKeyUsage.serverAuth)
  const sender = await issue(authority, 'sender.example', x509.ExtendedKeyUsage.clientAuth)
  const put = (name: string, text: string): string => {
    const file = join(folder, name)
    writeFileSync(file, text, { mode: 0o600 })
    return file
  }
  return {
    ca: put('ca.pem', authority.certificate.toString('pem')), caKey: put('ca.key', await writeKey(authority.keys)),
    server: put('server.pem', server.pem), serverKey: put('server.key', server.key),
    serverBundle: put('server.bundle.pem', `${server.pem}\n${server.key}`),
    sender: put('sender.pem', sender.pem), senderKey: put('sender.key', sender.key),
  }
}

interface Authority { readonly certificate: x509.X509Certificate; readonly keys: webcrypto.CryptoKeyPair }

async function makeAuthority(): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as webcrypto.CryptoKeyPair
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Benchmark CA', keys, ...life(), signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  })
  return { certificate, keys }
}

async function issue(authority: Authority, name: string, usage: string): Promise<{ pem: string, key: string }> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as webcrypto.CryptoKeyPair
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${name}`, issuer: authority.certificate.subject, publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey, ...life(), signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([usage]),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }]),
    ],
  })
  return { pem: certificate.toString('pem'), key: await writeKey(keys) }
}

async function writeKey({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  return x509.PemConverter.encode(Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey)), 'PRIVATE KEY')
}

function life(): { notBefore: Date, notAfter: Date } {
  const day = 86_400_000
  return { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + 30 * day) }
}
