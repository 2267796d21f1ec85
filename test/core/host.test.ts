import { isIPv6 } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { hostMatches, parseAuthority, parseHost, parseHostPattern, wildcardOf } from '../../src/core/host.ts'

const authorities: [string, string | undefined, string | undefined][] = [
  ['hooks.example.com', 'hooks.example.com', undefined],
  ['HOOKS.Example.COM', 'hooks.example.com', undefined],
  ['hooks.example.com.', 'hooks.example.com', undefined],
  ['hooks.example.com.:8443', 'hooks.example.com', '8443'],
  ['localhost:1', 'localhost', '1'],
  ['localhost:65535', 'localhost', '65535'],
  ['my_service:8443', 'my_service', '8443'],
  ['192.0.2.1:443', '192.0.2.1', '443'],
  ['[::1]', '[::1]', undefined],
  ['[2001:DB8::A]:8443', '[2001:db8::a]', '8443'],
  ['[::ffff:192.0.2.1]', '[::ffff:192.0.2.1]', undefined],
  ['[1:2:3:4:5:6:7:8]', '[1:2:3:4:5:6:7:8]', undefined],
  ['a'.repeat(63) + '.example', 'a'.repeat(63) + '.example', undefined],
]
for (const [text, host, port] of authorities) t.strictSame(parseAuthority(text), { host, port }, `takes ${text}`)

const none = [
  '', '.', '..', ':', ':443', 'a:', 'a:0', 'a:00443', 'a:0443', 'a:65536', 'a:999999', 'a:-1', 'a:+1', 'a:4x', 'a: 443', 'a:443:443',
  'user@a', 'user:pw@a', 'a/b', 'a/', 'a?b', 'a#b', 'a\\b', 'a b', ' a', 'a ', 'a\t', 'a,b', 'a;b', 'a%41', 'a..b', '.a', 'a..',
  'bücher.example', 'a\u0000b', '*.example.com', '"a"', 'a'.repeat(64), 'a.'.repeat(127) + 'aa',
  '[', ']', '[]', '[::1', '::1', '[::1]x', '[::1]:', '[::1]:0', '[::1]:x', '[:::1]', '[1::2::3]', '[1:2:3:4:5:6:7]',
  '[1:2:3:4:5:6:7:8:9]', '[1:2:3:4:5:6:7::8]x', '[12345::]', '[g::]', '[::1%25eth0]', '[fe80::1%eth0]', '[v1.x]', '[::256.1.1.1]',
  '[::01.1.1.1]', '[1.2.3.4::]', '[1:2:3:4:5:6:7:1.2.3.4]', '[192.0.2.1]', '[:1]', '[1:]', '[::1] ',
]
for (const text of none) t.equal(parseAuthority(text), undefined, `refuses ${JSON.stringify(text)}`)

const patterns: [string, string, boolean][] = [
  ['hooks.example.com', 'hooks.example.com', true], ['hooks.example.com', 'hook.example.com', false],
  ['*.example.com', 'hooks.example.com', true], ['*.example.com', 'example.com', false],
  ['*.example.com', 'a.b.example.com', false], ['*.example.com', 'hooks.example.com.evil', false],
  ['*.com', 'example.com', true], ['*.0.2.1', '192.0.2.1', false],
]
for (const [pattern, host, expected] of patterns) t.equal(hostMatches(pattern, host), expected, `${pattern} takes ${host}`)

t.equal(parseHostPattern('*.Example.COM.'), '*.example.com')
for (const text of ['*', '*.', '*.*.com', 'a*.com', 'a.*.com', '*.[::1]', '*.example.com:443', '']) {
  t.equal(parseHostPattern(text), undefined, `no pattern: ${JSON.stringify(text)}`)
}
t.equal(wildcardOf('localhost'), undefined)
t.equal(wildcardOf('[::1.2.3.4]'), undefined)

t.test('IPv6 literals: agrees with node', async () => {
  const pieces = fc.array(fc.constantFrom(':', '::', '0', '1', 'ffff', '12345', 'g', '1.2.3.4', '256.1.1.1', '01'), { maxLength: 17 })
  fc.assert(fc.property(fc.oneof(fc.ipV6(), pieces.map((all) => all.join(''))), (text) =>
    (parseHost(`[${text}]`) !== undefined) === isIPv6(text)), { numRuns: 5000 })
})

t.test('one form: parsing what was parsed changes nothing; case and a trailing dot never matter', async () => {
  fc.assert(fc.property(fc.domain(), (name) => {
    const host = parseHost(name)
    return host !== undefined && parseHost(host) === host && parseHost(`${name.toUpperCase()}.`) === host
  }))
  fc.assert(fc.property(fc.string(), (text) => {
    const host = parseHost(text)
    return host === undefined || parseHost(host) === host
  }))
})
