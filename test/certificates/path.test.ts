import { webcrypto } from 'node:crypto'
import t from 'tap'
import type { Keys } from '../../src/pki/keys.ts'
import { leadsTo } from '../../src/certificates/path.ts'
import { profileOf } from '../../src/certificates/profile.ts'
import { makeOdd, type Odd, type OddOptions } from '../support/odd-certificates.ts'

/** Paths that no handshake has verified (RFC 5280 section 6.1). */

const now = Date.now()
const serverAuth = '1.3.6.1.5.5.7.3.1'
const emailProtection = '1.3.6.1.5.5.7.3.4'
/** permittedSubtrees: dNSName "example.com". */
const constrained = { oid: '2.5.29.30', critical: false, der: '3011a00f300d820b6578616d706c652e636f6d' }
const unknown = { oid: '1.2.3.4', critical: true, der: '0500' }

const root = await makeOdd({ name: 'root', authority: true })
const middle = (more: Partial<OddOptions> = {}) => makeOdd({ name: 'middle', authority: true, by: root, ...more })
const leafOf = (by: Odd, more: Partial<OddOptions> = {}) => makeOdd({ name: 'leaf', by, usages: [serverAuth], dns: ['leaf.example'], ...more })
const leads = (leaf: Odd, between: readonly Odd[], authorities: readonly Odd[] = [root], at = now) => leadsTo(leaf.certificate, {
  authorities: authorities.map((one) => one.certificate), between: between.map((one) => one.certificate),
}, at)

t.test('which paths lead up', async (t) => {
  const good = await middle()
  const leaf = await leafOf(good)
  const [stranger, twin] = [await makeOdd({ name: 'stranger', authority: true }), await makeOdd({ name: 'root', authority: true })]
  const none = await middle({ pathLength: 0 })
  const below = await makeOdd({ name: 'below', authority: true, by: none })
  const noAuthority = await makeOdd({ name: 'middle', by: root })
  const cases: [string, boolean, boolean][] = [
    ['leaf, middle, root', leads(leaf, [good]), true],
    ['in any order, among others', leads(leaf, [stranger, twin, good]), true],
    ['straight below the root', leads(await leafOf(root), []), true],
    ['the middle itself is named', leads(leaf, [], [good]), true],
    ['no middle', leads(leaf, []), false],
    ['another root', leads(leaf, [good], [stranger]), false],
    ['a root of the same name', leads(leaf, [good], [twin]), false],
    ['the root of nobody', leads(leaf, [good, root], []), false],
    ['signed by itself', leads(await makeOdd({ name: 'leaf', dns: ['leaf.example'] }), []), false],
    ['a leaf that issues', leads(await leafOf(noAuthority), [noAuthority]), false],
    ['one authority where none may stand', leads(await leafOf(below), [below, none]), false],
    ['as many as may stand', leads(await leafOf(none), [none]), true],
    ['for mail', leads(await leafOf(good, { usages: [emailProtection] }), [good]), false],
    ['for anything', leads(await leafOf(good, { usages: ['2.5.29.37.0'] }), [good]), true],
    ['for nothing in particular', leads(await leafOf(good, { usages: [] }), [good]), true],
    ['a critical extension that nobody knows', leads(await leafOf(good, { extensions: [unknown] }), [good]), false],
    ['the same, not critical', leads(await leafOf(good, { extensions: [{ ...unknown, critical: false }] }), [good]), true],
    ['signed over SHA-1', leads(await leafOf(root, { hash: 'SHA-1' }), []), false],
  ]
  for (const [name, said, expected] of cases) t.equal(said, expected, name)
})

t.test('a middle is judged as a leaf is', async (t) => {
  for (const [name, more] of [
    ['name constraints', { extensions: [constrained] }], ['an unknown critical extension', { extensions: [unknown] }], ['SHA-1', { hash: 'SHA-1' }],
    ['for mail alone', { usages: [emailProtection] }], ['old', { notBefore: now - 20_000, notAfter: now - 10_000 }], ['too new', { notBefore: now + 10_000 }],
  ] as const) {
    const between = await middle(more)
    t.equal(leads(await leafOf(between), [between]), false, name)
  }
})

t.test('keys of any usual kind, and none that somebody could compute', async (t) => {
  const generate = async (algorithm: object): Promise<Keys> => await webcrypto.subtle.generateKey(algorithm as webcrypto.EcKeyGenParams, true, ['sign', 'verify']) as webcrypto.CryptoKeyPair
  const rsa = (modulusLength: number) => ({ name: 'RSASSA-PKCS1-v1_5', modulusLength, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' })
  const rows: readonly (readonly [string, Keys, boolean])[] = [
    ['P-384', await generate({ name: 'ECDSA', namedCurve: 'P-384' }), true], ['P-521', await generate({ name: 'ECDSA', namedCurve: 'P-521' }), true],
    ['RSA 2048', await generate(rsa(2048)), true], ['RSA 1024', await generate(rsa(1024)), false],
  ]
  for (const [name, keys, expected] of rows) {
    const between = await middle({ keys })
    t.equal(leads(await leafOf(between), [between]), expected, `${name} in the midst`)
    t.equal(leads(await leafOf(root, { keys }), []), expected, `${name} of the leaf`)
    const top = await makeOdd({ name: 'top', authority: true, keys })
    t.equal(leads(await leafOf(top), [], [top]), expected, `${name} of the authority`)
  }
})

t.test('policies may stand there; what demands that they be judged ends the path', async (t) => {
  const rows = [
    ['certificatePolicies', '2.5.29.32', '3006300406025304', true], ['policyConstraints', '2.5.29.36', '3003800100', false],
    ['inhibitAnyPolicy', '2.5.29.54', '020100', false], ['policyMappings', '2.5.29.33', '300a30080602530406025305', false],
  ] as const
  for (const [name, oid, der, expected] of rows) {
    const between = await middle({ extensions: [{ oid, critical: true, der }] })
    t.equal(leads(await leafOf(between), [between]), expected, name)
  }
})

t.test('to the second', async (t) => {
  const [from, to] = [Math.floor(now / 1000) * 1000 - 5_000, Math.floor(now / 1000) * 1000 + 5_000]
  const leaf = await leafOf(root, { notBefore: from, notAfter: to })
  for (const [at, expected] of [[from - 1, false], [from, true], [to, true], [to + 1, false]] as const) t.equal(leads(leaf, [], [root], at), expected)
})

t.test('a path is no longer than any honest one, and a circle ends', async (t) => {
  let above = root
  const between: Odd[] = []
  for (let nth = 0; nth < 8; nth += 1) {
    above = await makeOdd({ name: `level ${nth}`, authority: true, by: above })
    between.push(above)
  }
  t.equal(leads(await leafOf(between[5] as Odd), between), true, 'six authorities')
  t.equal(leads(await leafOf(between[6] as Odd), between), false, 'seven')
  const self = await makeOdd({ name: 'self', authority: true })
  t.equal(leads(await leafOf(self), [self]), false)
})

t.test('a profile', async (t) => {
  const usual = { isSoundlySigned: true, hasSoundKey: true, pathLength: undefined, strange: [], hasNames: false, maySignLists: true, excluded: [] }
  t.same(profileOf((await middle({ pathLength: 3 })).certificate), { ...usual, pathLength: 3 })
  t.same(profileOf((await middle({ extensions: [constrained] })).certificate), { ...usual, strange: ['2.5.29.30'] })
  /** excludedSubtrees: dNSName ".Example.com", address 192.0.2.0/24. */
  const excluding = { oid: '2.5.29.30', critical: true, der: '301ea11c300e820c2e4578616d706c652e636f6d300a8708c0000200ffffff00' }
  t.same(profileOf((await middle({ extensions: [excluding] })).certificate), { ...usual, strange: ['2.5.29.30'], excluded: ['example.com'] })
  t.equal(profileOf((await leafOf(root)).certificate)?.hasNames, true)
})
