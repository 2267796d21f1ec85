import t from 'tap'
import { listsIn } from '../../src/certificates/list-file.ts'
import { atOnce, inSlices } from '../../src/certificates/slices.ts'
import { pemOf } from '../support/large-list.ts'

const bytes = Buffer.concat([Buffer.of(0x30), Buffer.alloc(300_000, 0xa5)])
const read = (text: string | Uint8Array) => atOnce(listsIn(Buffer.from(text as string)))

t.test('lists of a file, however it is written', async (t) => {
  const pem = pemOf(bytes)
  for (const [name, file, count] of [
    ['DER', bytes, 1], ['PEM', pem, 1], ['two', pem + pem, 2], ['with CR', pem.replaceAll('\n', '\r\n'), 1], ['with text around', `CRL of x\n${pem}\nbye`, 1],
    ['in one line', pem.replaceAll(/([A-Za-z0-9+/=])\n(?=[A-Za-z0-9+/])/g, '$1'), 1], ['in lines of 77', pem.replaceAll('\n', '').replace(/-----BEGIN X509 CRL-----(.*)-----END X509 CRL-----/, (_, text: string) => `-----BEGIN X509 CRL-----\n${text.replaceAll(/.{77}/g, '$&\n')}\n-----END X509 CRL-----`), 1],
  ] as const) {
    const lists = read(file)
    t.equal(lists.length, count, name)
    for (const one of lists) t.ok(bytes.equals(one), name)
  }
})

t.test('what is none, or broken', async (t) => {
  const pem = pemOf(bytes)
  for (const [name, file, message] of [
    ['nothing', '', /no revocation list/], ['junk', 'junk', /no revocation list/], ['a certificate', '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n', /no revocation list/],
    ['without its end', pem.slice(0, 1_000), /broken PEM/], ['the second without its end', pem + pem.slice(0, 1_000), /broken PEM/], ['a stranger’s letter', pem.replace('paW', 'p!W'), /broken PEM/],
    ['base64url', pem.replace('paW', 'p_W'), /broken PEM/], ['a letter too few', pem.replace('paW', 'pW'), /broken PEM/], ['padding in the middle', pem.replace('\n', '\nMAA=\n'), /broken PEM/],
    ['one in the other', pem.replace('\n', `\n${pem}`), /broken PEM/], ['a header', pem.replace('\n', '\nProc-Type: 4,ENCRYPTED\n\n'), /broken PEM/],
  ] as const) t.throws(() => read(file), { message }, name)
})

t.test('PEM is decoded in slices, between which the event loop turns', async (t) => {
  let turns = 0
  const lists = await inSlices(listsIn(Buffer.from(pemOf(bytes))), () => {
    turns++
    return Promise.resolve()
  })
  t.ok(turns >= 6, `400 kB, 64 KiB a slice: ${turns}`)
  t.ok(bytes.equals(lists[0] ?? Buffer.of()))
})
