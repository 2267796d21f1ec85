import 'reflect-metadata'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AlgorithmIdentifier, type TBSCertificate } from '@peculiar/asn1-x509'
import { Extension, type JsonGeneralName } from '@peculiar/x509'
import t from 'tap'
import { makeKeys, readPrivateKey, writePrivateKey, type Keys } from '../../src/pki/keys.ts'
import { startGateway } from '../support/gateway.ts'
import { extendedKeyUsage, keyIdentifiers, keyUsage, nameConstraints, oddCertificate, resign, san, unknown, usual, type Odd } from '../support/odd.ts'
import { day, hour, makeCa, type Ca } from '../support/pki.ts'
import { rawTls } from '../support/raw.ts'
import { startReceiver } from '../support/receiver.ts'

/**
 * Paths as certificate suites (x509-limbo, BetterTLS) make them, each with a root of its own, shown to a gateway that trusts all
 * these roots: on a route that takes any, on one that demands the root of the case, and on one that demands another's.
 * What `openssl verify` refuses gets in nowhere.
 */
interface Case {
  readonly root: string
  /** Leaf, and what is sent behind it. */
  readonly leaf: string
  readonly sent: readonly string[]
  readonly key: string
  /** Stricter than OpenSSL on purpose. */
  readonly stricter?: true
  /** TLS 1.3 has no name for its curve: nobody can show it there. */
  readonly maxVersion?: 'TLSv1.2'
}
interface Row { readonly name: string; readonly verdict: 'accepted' | string; readonly make: () => Promise<Case> }

let made = 0
const pem = async (keys: Keys): Promise<string> => await writePrivateKey(keys.privateKey)

/** A root, an intermediate and a leaf, each changed as the case wants it. */
async function path(change: { readonly root?: Partial<Odd>; readonly middle?: Partial<Odd> | 'none'; readonly leaf?: Partial<Odd> }): Promise<Case> {
  const id = ++made
  const [rootKeys, middleKeys, leafKeys] = [await makeKeys('ec'), await makeKeys('ec'), await makeKeys('ec')]
  const root = await odd({ subject: `CN=Root ${id}`, keys: rootKeys, extensions: usual.authority(), ...change.root })
  const top = authorityOf(root, rootKeys)
  const isDirect = change.middle === 'none'
  const middle = isDirect ? root : await odd({ subject: `CN=Middle ${id}`, keys: middleKeys, by: top, extensions: usual.authority(), ...change.middle as object })
  const by = isDirect ? top : authorityOf(middle, middleKeys)
  const keys = change.leaf?.keys ?? leafKeys
  const leaf = await odd({ subject: `CN=sender`, keys, by, extensions: usual.leaf(), ...change.leaf })
  return { root, leaf, sent: isDirect ? [] : [middle], key: await pem(keys) }
}

const odd = oddCertificate
function authorityOf(certificate: string, keys: Keys): Ca['authority'] {
  return { certificate: new Built(certificate), keys }
}
const { X509Certificate: Built } = await import('@peculiar/x509')

const dns = (name: string) => ({ dNSName: name })
const constrained = (constraints: Parameters<typeof nameConstraints>[0], leaf: Partial<Odd>) => () => path({ middle: { extensions: [...usual.authority(), nameConstraints(constraints)] }, leaf })
const named = (...names: (string | JsonGeneralName)[]): Partial<Odd> => ({ extensions: usual.leaf(...names) })

const stricter = (make: () => Promise<Case>) => async (): Promise<Case> => ({ ...await make(), stricter: true })
/** Text where a sequence of names has to be. */
const unreadable = new Extension('2.5.29.17', false, Buffer.from('sender.example'))

const rows: readonly Row[] = [
  { name: 'root and leaf', verdict: 'accepted', make: () => path({ middle: 'none' }) },
  { name: 'root, intermediate, leaf', verdict: 'accepted', make: () => path({}) },
  { name: 'with key identifiers', verdict: 'accepted', make: withIdentifiers('right') },
  { name: 'the leaf names another key as its issuer’s', verdict: 'certificate-untrusted', make: withIdentifiers('wrong') },
  // basicConstraints and keyUsage of whoever issues
  { name: 'intermediate with CA:false', verdict: 'certificate-untrusted', make: () => path({ middle: { extensions: usual.leaf() } }) },
  { name: 'intermediate with CA:false that may sign certificates', verdict: 'certificate-untrusted', make: () => path({ middle: { extensions: [usual.leaf()[0] as never, keyUsage('keyCertSign')] } }) },
  { name: 'intermediate without basicConstraints that may sign certificates', verdict: 'certificate-untrusted', make: () => path({ middle: { extensions: [keyUsage('keyCertSign')] } }) },
  { name: 'intermediate that says nothing', verdict: 'certificate-untrusted', make: () => path({ middle: { extensions: [] } }) },
  { name: 'intermediate that may not sign certificates', verdict: 'certificate-untrusted', make: () => path({ middle: { extensions: [usual.authority()[0] as never, keyUsage('digitalSignature')] } }) },
  { name: 'intermediate of version 1', verdict: 'certificate-untrusted', make: oldIntermediate },
  { name: 'a leaf that issued another leaf', verdict: 'certificate-untrusted', make: leafBelowLeaf },
  // path lengths
  { name: 'path length 1 of the root, one intermediate', verdict: 'accepted', make: () => path({ root: { extensions: usual.authority(1) } }) },
  { name: 'path length 0 of the root, one intermediate', verdict: 'certificate-untrusted', make: () => path({ root: { extensions: usual.authority(0) } }) },
  { name: 'path length 0 of the intermediate', verdict: 'accepted', make: () => path({ middle: { extensions: usual.authority(0) } }) },
  { name: 'path length 0 of the upper of two intermediates', verdict: 'certificate-untrusted', make: () => deep(2, 0) },
  { name: 'path length 1 of the upper of two intermediates', verdict: 'accepted', make: () => deep(2, 1) },
  { name: 'twelve intermediates', verdict: 'accepted', make: () => deep(12) },
  { name: 'twenty intermediates', verdict: 'certificate-untrusted', make: async () => ({ ...await deep(20), stricter: true }) },
  // times
  { name: 'expired leaf', verdict: 'certificate-expired', make: () => path({ leaf: { notBefore: Date.now() - 2 * day, notAfter: Date.now() - hour } }) },
  { name: 'leaf of tomorrow', verdict: 'certificate-expired', make: () => path({ leaf: { notBefore: Date.now() + day } }) },
  { name: 'expired intermediate', verdict: 'certificate-expired', make: () => path({ middle: { notBefore: Date.now() - 2 * day, notAfter: Date.now() - hour } }) },
  { name: 'intermediate of tomorrow', verdict: 'certificate-expired', make: () => path({ middle: { notBefore: Date.now() + day } }) },
  { name: 'expired root', verdict: 'certificate-expired', make: () => path({ root: { notBefore: Date.now() - 2 * day, notAfter: Date.now() - hour } }) },
  // name constraints
  { name: 'permitted name', verdict: 'accepted', make: constrained({ permitted: [dns('partner.example')] }, named('a.partner.example')) },
  { name: 'the constraint’s own name', verdict: 'accepted', make: constrained({ permitted: [dns('partner.example')] }, named('partner.example')) },
  { name: 'another name than permitted', verdict: 'certificate-untrusted', make: constrained({ permitted: [dns('partner.example')] }, named('a.evil.example')) },
  { name: 'one name permitted, one not', verdict: 'certificate-untrusted', make: constrained({ permitted: [dns('partner.example')] }, named('a.partner.example', 'evil.example')) },
  { name: 'the permitted name as a tail', verdict: 'certificate-untrusted', make: constrained({ permitted: [dns('partner.example')] }, named('evilpartner.example')) },
  { name: 'permitted in other letters', verdict: 'accepted', make: constrained({ permitted: [dns('Partner.EXAMPLE')] }, named('a.partner.example')) },
  { name: 'excluded name', verdict: 'certificate-untrusted', make: constrained({ excluded: [dns('evil.example')] }, named('a.evil.example')) },
  { name: 'excluded name in other letters', verdict: 'certificate-untrusted', make: constrained({ excluded: [dns('evil.example')] }, named('A.EVIL.example')) },
  { name: 'a wildcard beyond what is permitted', verdict: 'certificate-untrusted', make: constrained({ permitted: [dns('a.partner.example')] }, named('*.partner.example')) },
  { name: 'a wildcard over what is excluded', verdict: 'certificate-untrusted', make: stricter(constrained({ excluded: [dns('a.partner.example')] }, named('*.partner.example'))) },
  { name: 'a wildcard beside what is excluded', verdict: 'accepted', make: constrained({ excluded: [dns('evil.example')] }, named('*.partner.example')) },
  { name: 'a wildcard, and mail that is excluded', verdict: 'accepted', make: constrained({ excluded: [{ rfc822Name: 'evil.example' }] }, named('*.partner.example')) },
  { name: 'no SAN, a host in the CN that is not permitted', verdict: 'certificate-untrusted', make: constrained({ permitted: [dns('partner.example')] }, { subject: 'CN=a.evil.example', extensions: usual.leaf().slice(0, 3) }) },
  { name: 'another e-mail domain than permitted', verdict: 'certificate-untrusted', make: constrained({ permitted: [{ rfc822Name: 'partner.example' }] }, named({ type: 'email', value: 'a@evil.example' })) },
  { name: 'another URI host than permitted', verdict: 'certificate-untrusted', make: constrained({ permitted: [{ uniformResourceIdentifier: 'partner.example' }] }, named({ type: 'url', value: 'https://evil.example/' })) },
  { name: 'constraints of the root', verdict: 'certificate-untrusted', make: () => path({ root: { extensions: [...usual.authority(), nameConstraints({ permitted: [dns('partner.example')] })] }, leaf: named('evil.example') }) },
  // extensions
  { name: 'unknown critical extension of the leaf', verdict: 'certificate-untrusted', make: () => path({ leaf: { extensions: [...usual.leaf(), unknown('critical')] } }) },
  { name: 'unknown extension of the leaf', verdict: 'accepted', make: () => path({ leaf: { extensions: [...usual.leaf(), unknown('not critical')] } }) },
  { name: 'unknown critical extension of the intermediate', verdict: 'certificate-untrusted', make: () => path({ middle: { extensions: [...usual.authority(), unknown('critical')] } }) },
  { name: 'names that cannot be read', verdict: 'certificate-untrusted', make: () => path({ leaf: { extensions: [...usual.leaf().slice(0, 3), unreadable] } }) },
  { name: 'two SAN extensions', verdict: 'certificate-untrusted', make: () => path({ leaf: { extensions: [...usual.leaf('a.example'), san('b.example')] } }) },
  // extended key usage
  { name: 'intermediate for clients', verdict: 'accepted', make: () => path({ middle: { extensions: [...usual.authority(), extendedKeyUsage('1.3.6.1.5.5.7.3.2')] } }) },
  { name: 'intermediate for servers only', verdict: 'certificate-untrusted', make: () => path({ middle: { extensions: [...usual.authority(), extendedKeyUsage('1.3.6.1.5.5.7.3.1')] } }) },
  { name: 'leaf for servers only', verdict: 'certificate-untrusted', make: () => path({ leaf: { extensions: [...usual.leaf().slice(0, 2), extendedKeyUsage('1.3.6.1.5.5.7.3.1'), san('a.example')] } }) },
  { name: 'leaf for mail', verdict: 'certificate-untrusted', make: () => path({ leaf: { extensions: [...usual.leaf().slice(0, 2), extendedKeyUsage('1.3.6.1.5.5.7.3.4')] } }) },
  { name: 'leaf for signing code and for clients', verdict: 'accepted', make: () => path({ leaf: { extensions: [...usual.leaf().slice(0, 2), extendedKeyUsage('1.3.6.1.5.5.7.3.3', '1.3.6.1.5.5.7.3.2')] } }) },
  { name: 'leaf that may not sign', verdict: 'certificate-untrusted', make: () => path({ leaf: { extensions: [usual.leaf()[0] as never, keyUsage('keyEncipherment')] } }) },
  // signatures and keys
  { name: 'leaf with a signature of SHA-1', verdict: 'certificate-untrusted', make: () => path({ leaf: { hash: 'SHA-1' } }) },
  { name: 'intermediate with a signature of SHA-1', verdict: 'certificate-untrusted', make: () => path({ middle: { hash: 'SHA-1' } }) },
  { name: 'leaf with a signature of MD5', verdict: 'certificate-untrusted', make: () => rsa(2048, 'md5') },
  { name: 'leaf with a key of RSA 2048', verdict: 'accepted', make: () => rsa(2048, 'sha256') },
  { name: 'leaf with a key of RSA 1024', verdict: 'certificate-untrusted', make: () => rsa(1024, 'sha256') },
  { name: 'a leaf that was changed after it was signed', verdict: 'certificate-untrusted', make: changedLeaf },
  { name: 'an intermediate of the right name and another key', verdict: 'certificate-untrusted', make: wrongKey },
  // odd shapes
  { name: 'leaf of version 1, without any extension', verdict: 'accepted', make: oldLeaf },
  { name: 'empty subject', verdict: 'accepted', make: () => path({ leaf: { subject: '', extensions: usual.leaf('a.example') } }) },
  { name: 'self-signed leaf that nobody knows', verdict: 'certificate-untrusted', make: selfSigned('unknown') },
  { name: 'self-signed leaf that is the authority itself', verdict: 'accepted', make: selfSigned('authority') },
  { name: 'self-signed leaf of the authority’s name', verdict: 'certificate-untrusted', make: selfSigned('name') },
  { name: 'a loop of two authorities without a root', verdict: 'certificate-untrusted', make: () => loop('no root') },
  { name: 'a loop of two authorities below the root', verdict: 'accepted', make: () => loop('root') },
  { name: 'intermediate that is not sent', verdict: 'certificate-untrusted', make: async () => ({ ...await path({}), sent: [] }) },
  { name: 'the root is sent, too', verdict: 'accepted', make: async () => { const one = await path({}); return { ...one, sent: [...one.sent, one.root] } } },
  { name: 'junk is sent, too', verdict: 'accepted', make: async () => { const [one, other] = [await path({}), await path({})]; return { ...one, sent: [...other.sent, ...one.sent, other.leaf] } } },
  { name: 'a hundred certificates are sent', verdict: 'certificate-untrusted', make: hundred },
  // in kind as x509-limbo and BetterTLS have them: further types of names
  { name: 'permitted address', verdict: 'accepted', make: constrained({ permitted: [{ iPAddress: '192.0.2.0/24' }] }, named({ type: 'ip', value: '192.0.2.9' })) },
  { name: 'another address than permitted', verdict: 'certificate-untrusted', make: constrained({ permitted: [{ iPAddress: '192.0.2.0/24' }] }, named({ type: 'ip', value: '192.0.3.9' })) },
  { name: 'excluded address', verdict: 'certificate-untrusted', make: constrained({ excluded: [{ iPAddress: '192.0.2.0/24' }] }, named({ type: 'ip', value: '192.0.2.9' })) },
  { name: 'an address of the other family than permitted', verdict: 'certificate-untrusted', make: constrained({ permitted: [{ iPAddress: '192.0.2.0/24' }] }, named({ type: 'ip', value: '2001:db8::1' })) },
  { name: 'a constraint on names, an address shown', verdict: 'accepted', make: constrained({ permitted: [dns('partner.example')] }, named({ type: 'ip', value: '192.0.2.9' })) },
  { name: 'permitted e-mail domain', verdict: 'accepted', make: constrained({ permitted: [{ rfc822Name: 'partner.example' }] }, named({ type: 'email', value: 'a@partner.example' })) },
  { name: 'excluded e-mail domain', verdict: 'certificate-untrusted', make: constrained({ excluded: [{ rfc822Name: 'partner.example' }] }, named({ type: 'email', value: 'a@partner.example' })) },
  { name: 'excluded URI host', verdict: 'certificate-untrusted', make: constrained({ excluded: [{ uniformResourceIdentifier: 'evil.example' }] }, named({ type: 'url', value: 'spiffe://evil.example/x' })) },
  { name: 'every name excluded', verdict: 'certificate-untrusted', make: constrained({ excluded: [dns('')] }, named('a.example')) },
  { name: 'permitted and excluded at once', verdict: 'certificate-untrusted', make: constrained({ permitted: [dns('partner.example')], excluded: [dns('a.partner.example')] }, named('x.a.partner.example')) },
  { name: 'two constraints, the lower one narrower', verdict: 'certificate-untrusted', make: () => path({ root: { extensions: [...usual.authority(), nameConstraints({ permitted: [dns('partner.example')] })] }, middle: { extensions: [...usual.authority(), nameConstraints({ permitted: [dns('a.partner.example')] })] }, leaf: named('b.partner.example') }) },
  { name: 'the lower constraint wider than the upper', verdict: 'certificate-untrusted', make: () => path({ root: { extensions: [...usual.authority(), nameConstraints({ permitted: [dns('partner.example')] })] }, middle: { extensions: [...usual.authority(), nameConstraints({ permitted: [dns('example')] })] }, leaf: named('b.example') }) },
  // OpenSSL takes it. It gains nothing: `san` knows no name with a dot at its end (names-of-certificates-mean-one-thing).
  { name: 'a name with a dot at its end, below what is excluded', verdict: 'accepted', make: constrained({ excluded: [dns('evil.example')] }, named('a.evil.example.')) },
  { name: 'a name with NUL before the permitted tail', verdict: 'certificate-untrusted', make: constrained({ permitted: [dns('partner.example')] }, named('partner.example\0.evil.example')) },
  // serial numbers, versions, shapes
  { name: 'serial number 0', verdict: 'accepted', make: () => path({ leaf: { serial: '00' } }) },
  { name: 'serial number of 40 octets', verdict: 'accepted', make: () => path({ leaf: { serial: '4'.repeat(80) } }) },
  { name: 'negative serial number', verdict: 'accepted', make: changed((tbs) => { tbs.serialNumber = new Uint8Array([0xff, 1]).buffer }) },
  { name: 'two algorithms that differ', verdict: 'certificate-untrusted', make: changed((tbs) => { tbs.signature = new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.3' }) }) },
  { name: 'the end before the beginning', verdict: 'certificate-expired', make: () => path({ leaf: { notBefore: Date.now() - hour, notAfter: Date.now() - 2 * hour } }) },
  { name: 'basicConstraints twice, once each way', verdict: 'certificate-untrusted', make: () => path({ middle: { extensions: [...usual.authority(), usual.leaf()[0] as never] } }) },
  { name: 'a negative path length', verdict: 'certificate-untrusted', make: () => path({ middle: { extensions: [raw('2.5.29.19', '30060101ff0201ff', 'critical'), keyUsage('keyCertSign')] } }) },
  { name: 'basicConstraints that are not critical', verdict: 'accepted', make: () => path({ middle: { extensions: [raw('2.5.29.19', '30030101ff', 'not critical'), keyUsage('keyCertSign')] } }) },
  { name: 'basicConstraints whose yes is written as in BER', verdict: 'accepted', make: () => path({ middle: { extensions: [raw('2.5.29.19', '3003010105', 'critical'), keyUsage('keyCertSign')] } }) },
  { name: 'basicConstraints that are cut', verdict: 'certificate-untrusted', make: () => path({ middle: { extensions: [raw('2.5.29.19', '30060101ff0201', 'critical'), keyUsage('keyCertSign')] } }) },
  { name: 'keyUsage without a bit', verdict: 'certificate-untrusted', make: () => path({ middle: { extensions: [usual.authority()[0] as never, raw('2.5.29.15', '03020700', 'critical')] } }) },
  { name: 'an empty SAN', verdict: 'certificate-untrusted', make: stricter(() => path({ leaf: { extensions: [...usual.leaf().slice(0, 3), raw('2.5.29.17', '3000', 'not critical')] } })) },
  { name: 'a leaf that is an authority', verdict: 'accepted', make: () => path({ leaf: { extensions: [...usual.authority(), san('a.example')] } }) },
  { name: 'the root issued for itself a second time, and that one is sent', verdict: 'accepted', make: selfIssued },
  // extended key usage
  { name: 'intermediate for anything', verdict: 'certificate-untrusted', make: () => path({ middle: { extensions: [...usual.authority(), extendedKeyUsage('2.5.29.37.0')] } }) },
  { name: 'leaf for anything', verdict: 'certificate-untrusted', make: () => path({ leaf: { extensions: [...usual.leaf().slice(0, 2), extendedKeyUsage('2.5.29.37.0'), san('a.example')] } }) },
  { name: 'leaf for OCSP only', verdict: 'certificate-untrusted', make: () => path({ leaf: { extensions: [...usual.leaf().slice(0, 2), extendedKeyUsage('1.3.6.1.5.5.7.3.9'), san('a.example')] } }) },
  { name: 'root for servers only', verdict: 'certificate-untrusted', make: () => path({ root: { extensions: [...usual.authority(), extendedKeyUsage('1.3.6.1.5.5.7.3.1')] } }) },
  // several ways
  { name: 'an expired intermediate beside a valid one of the same key', verdict: 'accepted', make: () => twins('expired first') },
  { name: 'a valid intermediate beside an expired one of the same key', verdict: 'accepted', make: () => twins('valid first') },
  { name: 'an intermediate that is no authority beside one of the same key that is', verdict: 'certificate-untrusted', make: () => twins('no authority first') },
  { name: 'leaf with a key of RSA 1536', verdict: 'certificate-untrusted', make: () => rsa(1536, 'sha256') },
  { name: 'leaf whose curve is spelled out', verdict: 'certificate-untrusted', make: () => byOpenssl({ leaf: explicit }) },
  { name: 'intermediate whose curve is spelled out', verdict: 'certificate-untrusted', make: () => byOpenssl({ middle: explicit }) },
  // curves
  { name: 'P-384 throughout', verdict: 'accepted', make: () => byOpenssl({ root: curve('P-384'), middle: curve('P-384'), leaf: curve('P-384') }) },
  { name: 'P-521 throughout', verdict: 'accepted', make: () => byOpenssl({ root: curve('P-521'), middle: curve('P-521'), leaf: curve('P-521') }) },
  { name: 'Ed25519 throughout', verdict: 'accepted', make: () => byOpenssl({ root: ed('ED25519'), middle: ed('ED25519'), leaf: ed('ED25519') }) },
  { name: 'Ed448 throughout', verdict: 'accepted', make: () => byOpenssl({ root: ed('ED448'), middle: ed('ED448'), leaf: ed('ED448') }) },
  { name: 'brainpool above', verdict: 'accepted', make: () => byOpenssl({ root: curve('brainpoolP384r1'), middle: curve('brainpoolP256r1') }) },
  { name: 'leaf on brainpoolP256r1', verdict: 'certificate-untrusted', make: async () => ({ ...await byOpenssl({ leaf: curve('brainpoolP256r1') }), maxVersion: 'TLSv1.2', stricter: true }) },
  { name: 'leaf on secp256k1', verdict: 'certificate-untrusted', make: async () => ({ ...await byOpenssl({ leaf: curve('secp256k1') }), maxVersion: 'TLSv1.2', stricter: true }) },
  { name: 'leaf on P-192', verdict: 'certificate-untrusted', make: async () => ({ ...await byOpenssl({ leaf: curve('prime192v1') }), maxVersion: 'TLSv1.2' }) },
  { name: 'intermediate on P-192', verdict: 'certificate-untrusted', make: () => byOpenssl({ middle: curve('prime192v1') }) },
  { name: 'intermediate on P-224', verdict: 'accepted', make: () => byOpenssl({ middle: curve('secp224r1') }) },
  // policies
  { name: 'a critical policy of the leaf', verdict: 'accepted', make: () => byOpenssl({ leafExtensions: 'certificatePolicies=critical,1.2.3.4' }) },
  { name: 'an explicit policy is demanded, and every certificate has it', verdict: 'accepted', make: () => byOpenssl({ middleExtensions: 'policyConstraints=critical,requireExplicitPolicy:0\ncertificatePolicies=1.2.3.4', leafExtensions: 'certificatePolicies=1.2.3.4' }) },
  { name: 'an explicit policy is demanded, the leaf has none', verdict: 'accepted', make: () => byOpenssl({ middleExtensions: 'policyConstraints=critical,requireExplicitPolicy:0\ncertificatePolicies=1.2.3.4' }) },
  { name: 'no policy may be any, the leaf says any', verdict: 'accepted', make: () => byOpenssl({ middleExtensions: 'inhibitAnyPolicy=critical,0\npolicyConstraints=critical,requireExplicitPolicy:0\ncertificatePolicies=1.2.3.4', leafExtensions: 'certificatePolicies=2.5.29.32.0' }) },
  { name: 'the same policy twice', verdict: 'accepted', make: () => byOpenssl({ leafExtensions: 'certificatePolicies=1.2.3.4,1.2.3.4' }) },
  { name: 'policies that cannot be read', verdict: 'accepted', make: () => path({ leaf: { extensions: [...usual.leaf(), raw('2.5.29.32', '3003020100', 'critical')] } }) },
  // international names under constraints: bytes, never meanings
  { name: 'a constraint and a name in A-labels', verdict: 'accepted', make: constrained({ permitted: [dns('xn--bcher-kva.example')] }, named('a.XN--BCHER-KVA.example')) },
  { name: 'another A-label than permitted', verdict: 'certificate-untrusted', make: constrained({ permitted: [dns('xn--bcher-kva.example')] }, named('xn--bcher-kva0.example')) },
  { name: 'an A-label that is excluded', verdict: 'certificate-untrusted', make: constrained({ excluded: [dns('xn--bcher-kva.example')] }, named('a.Xn--Bcher-Kva.example')) },
  { name: 'a constraint in A-labels, a name in bytes of UTF-8', verdict: 'certificate-untrusted', make: constrained({ permitted: [dns('xn--bcher-kva.example')] }, { extensions: [...usual.leaf().slice(0, 3), rawName('bücher.example')] }) },
  { name: 'a constraint in bytes of UTF-8, a name in A-labels', verdict: 'certificate-untrusted', make: () => path({ middle: { extensions: [...usual.authority(), rawConstraint('bücher.example')] }, leaf: named('xn--bcher-kva.example') }) },
  { name: 'an e-mail domain in A-labels', verdict: 'accepted', make: constrained({ permitted: [{ rfc822Name: 'xn--bcher-kva.example' }] }, named({ type: 'email', value: 'a@XN--bcher-kva.example' })) },
  { name: 'a URI host in A-labels, another than permitted', verdict: 'certificate-untrusted', make: constrained({ permitted: [{ uniformResourceIdentifier: 'xn--bcher-kva.example' }] }, named({ type: 'url', value: 'https://b\u00fccher.example/' })) },
  // critical extensions that OpenSSL does not judge by
  { name: 'critical authorityInfoAccess of the leaf', verdict: 'certificate-untrusted', make: () => path({ leaf: { extensions: [...usual.leaf(), raw('1.3.6.1.5.5.7.1.1', '301a301806082b06010505073001860c687474703a2f2f612e622f63', 'critical')] } }) },
  { name: 'critical issuerAltName of the intermediate', verdict: 'certificate-untrusted', make: () => path({ middle: { extensions: [...usual.authority(), raw('2.5.29.18', '30048202612e', 'critical')] } }) },
]

/** As bytes, as no IA5String may be. */
function rawName(text: string): Extension {
  const bytes = Buffer.from(text)
  return raw('2.5.29.17', Buffer.concat([Buffer.of(0x30, bytes.length + 2, 0x82, bytes.length), bytes]).toString('hex'), 'not critical')
}

/** permittedSubtrees with one dNSName. */
function rawConstraint(text: string): Extension {
  const bytes = Buffer.from(text)
  return raw('2.5.29.30', Buffer.concat([Buffer.of(0x30, bytes.length + 6, 0xa0, bytes.length + 4, 0x30, bytes.length + 2, 0x82, bytes.length), bytes]).toString('hex'), 'critical')
}

function raw(oid: string, hex: string, critical: 'critical' | 'not critical'): Extension {
  return new Extension(oid, critical === 'critical', Buffer.from(hex, 'hex'))
}

/** Of a root and a leaf, the leaf with something changed and rightly signed. */
function changed(change: (tbs: TBSCertificate) => void) {
  return async (): Promise<Case> => {
    const rootKeys = await makeKeys('ec')
    const keys = await makeKeys('ec')
    const root = await odd({ subject: `CN=Root ${++made}`, keys: rootKeys, extensions: usual.authority() })
    const leaf = resign(await odd({ subject: 'CN=sender', keys, by: authorityOf(root, rootKeys), extensions: usual.leaf() }), await pem(rootKeys), { change })
    return { root, leaf, sent: [], key: await pem(keys) }
  }
}

async function selfIssued(): Promise<Case> {
  const [rootKeys, keys] = [await makeKeys('ec'), await makeKeys('ec')]
  const subject = `CN=Root ${++made}`
  const root = await odd({ subject, keys: rootKeys, extensions: usual.authority() })
  const again = await odd({ subject, keys: rootKeys, by: authorityOf(root, rootKeys), extensions: usual.authority() })
  return { root, leaf: await odd({ subject: 'CN=sender', keys, by: authorityOf(root, rootKeys), extensions: usual.leaf() }), sent: [again], key: await pem(keys) }
}

async function twins(which: 'expired first' | 'valid first' | 'no authority first'): Promise<Case> {
  const id = ++made
  const [rootKeys, middleKeys, keys] = [await makeKeys('ec'), await makeKeys('ec'), await makeKeys('ec')]
  const root = await odd({ subject: `CN=Root ${id}`, keys: rootKeys, extensions: usual.authority() })
  const issue = (change: Partial<Odd>) => odd({ subject: `CN=Middle ${id}`, keys: middleKeys, by: authorityOf(root, rootKeys), extensions: usual.authority(), ...change })
  const valid = await issue({})
  const other = which === 'no authority first' ? await issue({ extensions: [usual.leaf()[0] as never] }) : await issue({ notBefore: Date.now() - 2 * day, notAfter: Date.now() - hour })
  const leaf = await odd({ subject: 'CN=sender', keys, by: authorityOf(valid, middleKeys), extensions: usual.leaf() })
  return { root, leaf, sent: which === 'valid first' ? [valid, other] : [other, valid], key: await pem(keys) }
}

/** What `openssl genpkey` makes a key of. */
type KeyKind = readonly string[]
const curve = (name: string, encoding = 'named_curve'): KeyKind => ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${name}`, '-pkeyopt', `ec_param_enc:${encoding}`]
/** Its parameters are written out (CVE-2020-0601 was about those). */
const explicit = curve('P-256', 'explicit')
const ed = (name: 'ED25519' | 'ED448'): KeyKind => ['-algorithm', name]

interface OfOpenssl { readonly root?: KeyKind; readonly middle?: KeyKind; readonly leaf?: KeyKind; readonly middleExtensions?: string; readonly leafExtensions?: string; readonly rootExtensions?: string }

/** Root, intermediate and leaf as the `openssl` of the machine makes them. */
async function byOpenssl({ root: rootKind, middle: middleKind, leaf: leafKind, rootExtensions = '', middleExtensions = '', leafExtensions = '' }: OfOpenssl): Promise<Case> {
  const id = ++made
  const key = (kind = curve('P-256')) => execFileSync('openssl', ['genpkey', ...kind], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-curve-'))
  const put = (name: string, text: string) => { writeFileSync(join(directory, name), text); return join(directory, name) }
  const certify = (subject: string, own: string, extensions: string, by?: { readonly certificate: string; readonly key: string }) => execFileSync('openssl', [
    'req', '-x509', '-new', '-key', put('own.key', own), '-subj', subject, '-days', '9', '-config', put('c.cnf', `[req]\ndistinguished_name=d\nx509_extensions=e\n[d]\n[e]\n${extensions}`),
    ...by === undefined ? [] : ['-CA', put('by.pem', by.certificate), '-CAkey', put('by.key', by.key)],
  ], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const authority = 'basicConstraints=critical,CA:true\nkeyUsage=keyCertSign\n'
  const [rootKey, middleKey, leafKey] = [key(rootKind), key(middleKind), key(leafKind)]
  const root = certify(`/CN=Root ${id}`, rootKey, authority + rootExtensions)
  const middle = certify(`/CN=Middle ${id}`, middleKey, authority + middleExtensions, { certificate: root, key: rootKey })
  const leaf = certify('/CN=sender', leafKey, `basicConstraints=CA:false\nextendedKeyUsage=clientAuth\nsubjectAltName=DNS:a.example\n${leafExtensions}`, { certificate: middle, key: middleKey })
  rmSync(directory, { recursive: true })
  return { root, leaf, sent: [middle], key: leafKey }
}

function withIdentifiers(which: 'right' | 'wrong') {
  return async (): Promise<Case> => {
    const [rootKeys, leafKeys, other] = [await makeKeys('ec'), await makeKeys('ec'), await makeKeys('ec')]
    const root = await odd({ subject: `CN=Root ${++made}`, keys: rootKeys, extensions: [...usual.authority(), ...await keyIdentifiers(rootKeys, rootKeys)] })
    const identifiers = await keyIdentifiers(leafKeys, which === 'right' ? rootKeys : other)
    const leaf = await odd({ subject: 'CN=sender', keys: leafKeys, by: authorityOf(root, rootKeys), extensions: [...usual.leaf(), ...identifiers] })
    return { root, leaf, sent: [], key: await pem(leafKeys) }
  }
}

async function deep(count: number, pathLength?: number): Promise<Case> {
  const id = ++made
  const rootKeys = await makeKeys('ec')
  const root = await odd({ subject: `CN=Root ${id}`, keys: rootKeys, extensions: usual.authority() })
  let by = authorityOf(root, rootKeys)
  const sent: string[] = []
  for (let level = 0; level < count; level++) {
    const keys = await makeKeys('ec')
    const one = await odd({ subject: `CN=Level ${id}.${level}`, keys, by, extensions: usual.authority(level === 0 ? pathLength : undefined) })
    sent.unshift(one)
    by = authorityOf(one, keys)
  }
  const keys = await makeKeys('ec')
  return { root, leaf: await odd({ subject: 'CN=sender', keys, by, extensions: usual.leaf() }), sent, key: await pem(keys) }
}

async function leafBelowLeaf(): Promise<Case> {
  const first = await path({ middle: 'none' })
  const [keys, own] = [await readPrivateKey(first.key), await makeKeys('ec')]
  const leaf = await odd({ subject: 'CN=below', keys: own, by: authorityOf(first.leaf, keys), extensions: usual.leaf() })
  return { root: first.root, leaf, sent: [first.leaf], key: await pem(own) }
}

async function oldIntermediate(): Promise<Case> {
  const id = ++made
  const [rootKeys, middleKeys, keys] = [await makeKeys('ec'), await makeKeys('ec'), await makeKeys('ec')]
  const root = await odd({ subject: `CN=Root ${id}`, keys: rootKeys, extensions: usual.authority() })
  const middle = resign(await odd({ subject: `CN=Middle ${id}`, keys: middleKeys, by: authorityOf(root, rootKeys) }), await pem(rootKeys), { change: (tbs) => { tbs.version = 0; delete tbs.extensions } })
  const leaf = await odd({ subject: 'CN=sender', keys, by: authorityOf(middle, middleKeys), extensions: usual.leaf() })
  return { root, leaf, sent: [middle], key: await pem(keys) }
}

async function oldLeaf(): Promise<Case> {
  const id = ++made
  const [rootKeys, keys] = [await makeKeys('ec'), await makeKeys('ec')]
  const root = await odd({ subject: `CN=Root ${id}`, keys: rootKeys, extensions: usual.authority() })
  const leaf = resign(await odd({ subject: 'CN=old', keys, by: authorityOf(root, rootKeys) }), await pem(rootKeys), { change: (tbs) => { tbs.version = 0; delete tbs.extensions } })
  return { root, leaf, sent: [], key: await pem(keys) }
}

async function rsa(bits: number, digest: 'md5' | 'sha256'): Promise<Case> {
  const id = ++made
  const rootKeys = await makeKeys('rsa')
  const root = await odd({ subject: `CN=Root ${id}`, keys: rootKeys, extensions: usual.authority() })
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits })
  const keys = await imported(privateKey, publicKey)
  const leaf = resign(await odd({ subject: 'CN=sender', keys, by: authorityOf(root, rootKeys), extensions: usual.leaf() }), await pem(rootKeys), { digest })
  return { root, leaf, sent: [], key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}

async function imported(privateKey: KeyObject, _publicKey: KeyObject): Promise<Keys> {
  return await readPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
}

async function changedLeaf(): Promise<Case> {
  const [mine, theirs] = [await path({}), await makeKeys('ec')]
  return { ...mine, leaf: resign(mine.leaf, await pem(theirs), {}) }
}

async function wrongKey(): Promise<Case> {
  const one = await path({})
  const keys = await makeKeys('ec')
  const twin = await odd({ subject: new Built(one.sent[0] ?? '').subject, keys, by: undefined as never, extensions: usual.authority() })
  const own = await makeKeys('ec')
  const leaf = await odd({ subject: 'CN=sender', keys: own, by: authorityOf(twin, keys), extensions: usual.leaf() })
  return { ...one, leaf, key: await pem(own) }
}

function selfSigned(which: 'unknown' | 'authority' | 'name') {
  return async (): Promise<Case> => {
    const id = ++made
    const [rootKeys, keys] = [await makeKeys('ec'), await makeKeys('ec')]
    const root = await odd({ subject: `CN=Root ${id}`, keys: rootKeys, extensions: usual.authority() })
    if (which === 'authority') return { root, leaf: root, sent: [], key: await pem(rootKeys) }
    const leaf = await odd({ subject: which === 'name' ? `CN=Root ${id}` : 'CN=self', keys, extensions: which === 'name' ? usual.authority() : usual.leaf() })
    return { root, leaf, sent: [], key: await pem(keys) }
  }
}

async function loop(top: 'root' | 'no root'): Promise<Case> {
  const id = ++made
  const [rootKeys, aKeys, bKeys, keys] = [await makeKeys('ec'), await makeKeys('ec'), await makeKeys('ec'), await makeKeys('ec')]
  const root = await odd({ subject: `CN=Root ${id}`, keys: rootKeys, extensions: usual.authority() })
  const self = async (name: string, own: Keys): Promise<Ca['authority']> => authorityOf(await odd({ subject: `CN=${name} ${id}`, keys: own, extensions: usual.authority() }), own)
  const issue = async (name: string, own: Keys, by: Ca['authority']) => await odd({ subject: `CN=${name} ${id}`, keys: own, by, extensions: usual.authority() })
  const aByB = await issue('A', aKeys, await self('B', bKeys))
  const bByA = await issue('B', bKeys, await self('A', aKeys))
  const aByRoot = await issue('A', aKeys, authorityOf(root, rootKeys))
  const leaf = await odd({ subject: 'CN=sender', keys, by: await self('A', aKeys), extensions: usual.leaf() })
  return { root, leaf, sent: top === 'root' ? [aByRoot, aByB, bByA] : [aByB, bByA], key: await pem(keys) }
}

async function hundred(): Promise<Case> {
  const one = await path({})
  const junk = await Promise.all(Array.from({ length: 99 }, async (_, at) => await odd({ subject: `CN=junk ${at}`, keys: await makeKeys('ec'), extensions: usual.authority() })))
  return { ...one, sent: [...one.sent, ...junk], stricter: true }
}

/** What the `openssl` of the machine says, at the level of security that the gateway asks for. */
function verdictOfOpenssl(directory: string, { root, leaf, sent }: Case): boolean {
  const put = (name: string, text: string) => { writeFileSync(join(directory, name), text); return join(directory, name) }
  const files = ['-CAfile', put('verify-root.pem', root), ...(sent.length === 0 ? [] : ['-untrusted', put('verify-sent.pem', sent.join(''))]), put('verify-leaf.pem', leaf)]
  try {
    execFileSync('openssl', ['verify', '-no-CApath', '-no-CAstore', '-purpose', 'sslclient', '-auth_level', '2', ...files], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

// A busy machine takes its time: some seventy keys, and as many runs of openssl.
t.setTimeout(600_000)
t.test('every path, on three routes', async (t) => {
  t.setTimeout(600_000)
  const receiver = await startReceiver()
  t.teardown(() => receiver.close())
  const cases = await Promise.all(rows.map(async ({ make }) => await make()))
  const stranger = await makeCa()
  const gateway = await startGateway(t, {
    receiver: receiver.port, clientCertificate: { ca: ['ca.pem', 'stranger.pem', ...cases.map((_, at) => `root-${at}.pem`)] },
    files: async () => ({ 'stranger.pem': stranger.certificate, ...Object.fromEntries(cases.map(({ root }, at) => [`root-${at}.pem`, root])) }),
    routes: [
      { match: { path: '/any' }, certificate: {} }, { match: { path: '/stranger' }, certificate: { ca: ['stranger.pem'] } },
      ...cases.map((_, at) => ({ match: { path: `/own-${at}` }, certificate: { ca: [`root-${at}.pem`] } })),
    ],
  })
  // Level 0, so that the client itself shows whatever it has.
  const ask = async ({ leaf, sent, key, maxVersion }: Case, target: string): Promise<string> => {
    try {
      const client = await rawTls(gateway.port, { ca: gateway.pki.ca.certificate, cert: leaf + sent.join(''), key, servername: 'localhost', ciphers: 'DEFAULT:@SECLEVEL=0', ...maxVersion !== undefined && { maxVersion } })
      const { status, body } = await client.send(`POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}`).response()
      client.close()
      return status === 200 ? 'accepted' : (JSON.parse(body.toString()) as { reason: string }).reason
    } catch (error) {
      return `handshake: ${error instanceof Error ? error.message : String(error)}`
    }
  }
  let asked = 0
  for (const [at, { name, verdict }] of rows.entries()) {
    const one = cases[at] as Case
    const before = receiver.seen.length
    const [any, own, other] = await Promise.all([ask(one, '/any'), ask(one, `/own-${at}`), ask(one, '/stranger')])
    const openssl = verdictOfOpenssl(gateway.directory, one)
    t.equal(openssl, verdict === 'accepted' || one.stricter === true, `${name}: openssl verify`)
    for (const [route, said] of [['any', any], ['own', own]] as const) {
      if (said.startsWith('handshake')) t.equal(verdict, 'certificate-untrusted', `${name}: ${route}: ${said}`)
      else t.equal(said, verdict, `${name}: ${route}`)
      if (!openssl) t.not(said, 'accepted', `${name}: ${route}: never more lightly`)
    }
    asked += 3
    if (any.startsWith('handshake')) t.match((await gateway.audit(asked)).at(-1), { reason: 'certificate-untrusted', status: 0, facts: { error: /TOO_SMALL|TOO_WEAK|WRONG_CURVE/ } }, `${name}: is recorded`)
    t.not(other, 'accepted', `${name}: another’s root`)
    t.equal(receiver.seen.length - before, verdict === 'accepted' ? 2 : 0, `${name}: what the receiver saw`)
  }
})
