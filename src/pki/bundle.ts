import { createHmac, createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { ContentInfo, id_data } from '@peculiar/asn1-cms'
import {
  AuthenticatedSafe, CertBag, id_certBag, id_pkcs8ShroudedKeyBag, id_x509Certificate, MacData, PFX, PKCS12Attribute, SafeBag, SafeContents,
} from '@peculiar/asn1-pfx'
import { FriendlyName, id_pkcs9_at_friendlyName, id_pkcs9_at_localKeyId, LocalKeyId } from '@peculiar/asn1-pkcs9'
import { DigestInfo } from '@peculiar/asn1-rsa'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import { AlgorithmIdentifier } from '@peculiar/asn1-x509'
import forge from 'node-forge'

export interface Bundle {
  /** PEM, not encrypted. */
  readonly key: string
  readonly certificate: string
  /** The certificates above it, PEM. */
  readonly above: readonly string[]
  /** What import dialogues show. */
  readonly name: string
  readonly password: string
}

/**
 * A PKCS#12 file (RFC 7292) with key and certificates: AES-256 (PBES2) and a SHA-256 MAC, which OpenSSL 1.1, Java 8u301,
 * Windows Server 2019 and macOS 12 and their successors read. Its ASN.1 comes from the schema, the key's encryption
 * from OpenSSL, and the MAC's key derivation from forge, whose own bundles cannot hold EC keys.
 */
export function writeBundle({ key, certificate, above, name, password }: Bundle): Uint8Array {
  const attributes = () => [
    attribute(id_pkcs9_at_friendlyName, new FriendlyName(name)),
    attribute(id_pkcs9_at_localKeyId, new LocalKeyId(Uint8Array.of(1))),
  ]
  const encrypted = createPrivateKey(key).export({ type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: password })
  const keyBag = new SafeBag({ bagId: id_pkcs8ShroudedKeyBag, bagValue: bytes(encrypted), bagAttributes: attributes() })
  const leafBag = certificateBag(certificate, attributes())
  const safe = AsnConvert.serialize(new AuthenticatedSafe([
    contents([leafBag, ...above.map((pem) => certificateBag(pem, undefined))]), contents([keyBag]),
  ]))
  const authSafe = new ContentInfo({ contentType: id_data, content: AsnConvert.serialize(new OctetString(safe)) })
  return new Uint8Array(AsnConvert.serialize(new PFX({ version: 3, authSafe, macData: authenticate(safe, password) })))
}

function contents(bags: SafeBag[]): ContentInfo {
  const safe = new OctetString(AsnConvert.serialize(new SafeContents(bags)))
  return new ContentInfo({ contentType: id_data, content: AsnConvert.serialize(safe) })
}

function certificateBag(pem: string, attributes: PKCS12Attribute[] | undefined): SafeBag {
  const der = new OctetString(bytes(new X509Certificate(pem).raw))
  const bag = new CertBag({ certId: id_x509Certificate, certValue: AsnConvert.serialize(der) })
  const value = { bagId: id_certBag, bagValue: AsnConvert.serialize(bag) }
  return new SafeBag(attributes === undefined ? value : { ...value, bagAttributes: attributes })
}

function attribute(attrId: string, value: FriendlyName | LocalKeyId): PKCS12Attribute {
  // Its constructor forgets what it is given (asn1-pfx 2.11).
  return Object.assign(new PKCS12Attribute(), { attrId, attrValues: [AsnConvert.serialize(value)] })
}

const sha256 = '2.16.840.1.101.3.4.2.1'
const iterations = 10_000

function authenticate(content: ArrayBuffer, password: string): MacData {
  const salt = randomBytes(16)
  const key = forge.pkcs12.generateKey(password, forge.util.createBuffer(salt.toString('binary')), 3, iterations, 32, forge.md.sha256.create())
  const digest = createHmac('sha256', Buffer.from(key.getBytes(), 'binary')).update(Buffer.from(content)).digest()
  const digestAlgorithm = new AlgorithmIdentifier({ algorithm: sha256, parameters: null })
  const mac = new DigestInfo({ digestAlgorithm, digest: new OctetString(bytes(digest)) })
  return new MacData({ mac, macSalt: new OctetString(bytes(salt)), iterations })
}

/** A buffer of its own, as the ASN.1 schema wants it. */
function bytes(buffer: Buffer): ArrayBuffer {
  return new Uint8Array(buffer).buffer
}
