import t from 'tap'
import { requestHead, withBody } from '../../src/forward/request-text.ts'

const outbound = { method: 'POST', target: '/in?a=b', headers: ['A', 'b', 'C', '\xe9'], body: Buffer.from([0, 0xff]) }

t.test('a request as it goes to a receiver: our host, our framing, every line as it is', async (t) => {
  const head = 'POST /in?a=b HTTP/1.1\r\nhost: r:1\r\nconnection: keep-alive\r\nA: b\r\nC: \xe9\r\ncontent-length: 2\r\n\r\n'
  t.equal(requestHead(outbound, 'r:1'), head)
  t.ok(withBody(head, outbound.body).equals(Buffer.concat([Buffer.from(head, 'latin1'), outbound.body])))
})

for (const [name, headers] of [['a line feed', ['A', 'b\nC: d']], ['a name that is none', ['A b', 'c']], ['a character of two bytes', ['A', '\u0101']], ['no name', ['', 'c']]] as const) {
  t.test(`${name} is never written`, async (t) => {
    t.throws(() => requestHead({ ...outbound, headers }, 'r'), /no header line/)
  })
}
