import fc from 'fast-check'
import t from 'tap'
import { parseNamePattern } from '../../src/certificates/names.ts'
import { parseSubjectNames } from '../../src/certificates/text.ts'

const fits: [pattern: string, name: string][] = [
  ['dns:a.example', 'DNS:a.example'], ['dns:A.Example.', 'DNS:a.eXample'], ['dns:bücher.example', 'DNS:xn--bcher-kva.example'],
  ['dns:*.example.com', 'DNS:a.example.com'], ['dns:*.example.com', 'DNS:*.example.com'], ['dns:localhost', 'DNS:localhost'],
  ['uri:spiffe://partner/hooks', 'URI:spiffe://partner/hooks'], ['uri:spiffe://Partner/hooks', 'URI:SPIFFE://partner/hooks'],
  ['uri:spiffe://partner/hooks/*', 'URI:spiffe://partner/hooks/a'], ['uri:spiffe://partner/hooks/*', 'URI:spiffe://partner/hooks/a/b.c'],
  ['uri:spiffe://partner/*', 'URI:spiffe://partner/a'], ['uri:urn:uuid:1', 'URI:urn:uuid:1'],
  ['email:Ops@Example.com', 'email:Ops@example.COM'], ['ip:192.0.2.1', 'IP Address:192.0.2.1'], ['ip:2001:DB8::1', 'IP Address:2001:DB8:0:0:0:0:0:1'],
]
for (const [pattern, name] of fits) t.ok(parseSubjectNames(name).some((one) => parseNamePattern(pattern)?.(one)), `${pattern} takes ${name}`)

const fitsNot: [pattern: string, name: string][] = [
  ['dns:a.example', 'DNS:b.a.example'], ['dns:a.example', 'DNS:a.example.'], ['dns:a.example', 'URI:a.example'], ['dns:a.example', 'email:a.example'],
  ['dns:a.example', 'DNS:"a.example\\u0000.evil"'], ['dns:a.example', 'DNS:*.example'], ['dns:a.example.com', 'DNS:*.example.com'],
  ['dns:*.example.com', 'DNS:a.b.example.com'], ['dns:*.example.com', 'DNS:example.com'], ['dns:*.example.com', 'DNS:.example.com'],
  ['dns:*.example.com', 'DNS:*.a.example.com'], ['dns:*.example.com', 'DNS:a*.example.com'], ['dns:a.example', 'othername:a.example'],
  ['uri:spiffe://partner/hooks', 'URI:spiffe://partner/hooks/'], ['uri:spiffe://partner/hooks', 'URI:spiffe://partner/Hooks'],
  ['uri:spiffe://partner/hooks/*', 'URI:spiffe://partner/hooks'], ['uri:spiffe://partner/hooks/*', 'URI:spiffe://partner/hooks/'],
  ['uri:spiffe://partner/hooks/*', 'URI:spiffe://partner/hooksb/c'], ['uri:spiffe://partner/hooks/*', 'URI:spiffe://partner.evil/hooks/a'],
  ['uri:spiffe://partner/hooks/*', 'URI:spiffe://partner/hooks/../admin'], ['uri:spiffe://partner/hooks/*', 'URI:spiffe://partner/hooks/a/..'],
  ['uri:spiffe://partner/hooks/*', 'URI:spiffe://partner/hooks/%2e%2e/x'], ['uri:spiffe://partner/hooks/*', 'URI:spiffe://partner/hooks//a'],
  ['uri:spiffe://partner/hooks/*', 'URI:spiffe://partner/hooks/a?b'], ['uri:spiffe://partner/hooks/*', 'URI:spiffe://partner/hooks/a#b'],
  ['uri:spiffe://partner/*', 'URI:spiffe://partner@evil/a'], ['uri:https://partner/a', 'URI:http://partner/a'],
  ['email:ops@example.com', 'email:OPS@example.com'], ['email:ops@example.com', 'DNS:ops@example.com'], ['email:ops@example.com', 'email:x@ops@example.com'],
  ['ip:192.0.2.1', 'IP Address:192.0.2.10'], ['ip:192.0.2.1', 'DNS:192.0.2.1'], ['ip:192.0.2.1', 'IP Address:0:0:0:0:0:FFFF:C000:201'],
]
for (const [pattern, name] of fitsNot) {
  const parsed = parseNamePattern(pattern)
  t.ok(parsed !== undefined && !parseSubjectNames(name).some(parsed), `${pattern} does not take ${name}`)
}

const none = [
  '', 'dns:', 'a.example', 'DNS:a', 'dns:*', 'dns:*.com', 'dns:a*.example.com', 'dns:*.*.example.com', 'dns:a b', 'dns:a/b', 'dns:a:1', 'dns:[::1]',
  'uri:', 'uri:a', 'uri:spiffe://partner/*/b', 'uri:spiffe://a/../*', 'uri:a b:', 'email:a', 'email:@b', 'email:a@*.b.example', 'ip:1.2.3', 'ip:01.2.3.4',
  'ip:fe80::1%eth0', 'ip:10.0.0.0/8', 'other:x', 'dns:a\0b',
]
for (const text of none) t.equal(parseNamePattern(text), undefined, `${JSON.stringify(text)} is no pattern`)

fc.assert(fc.property(fc.string(), fc.string(), (pattern, value) => {
  for (const type of ['dns', 'uri', 'email', 'ip', 'other'] as const) parseNamePattern(pattern)?.({ type, value })
}))
/** A name of another type than the pattern's, whatever is in it. */
const spelled = fc.constantFrom(...fits.map(([pattern]) => pattern))
const another = fc.record({ type: fc.constantFrom('dns', 'uri', 'email', 'ip', 'other'), value: fc.oneof(fc.string(), spelled.map((text) => text.slice(text.indexOf(':') + 1))) })
fc.assert(fc.property(spelled, another, (text, name) => text.startsWith(`${name.type}:`) || parseNamePattern(text)?.(name) === false))
