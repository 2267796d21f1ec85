import t from 'tap'
import { pageOf } from '../../src/audit/metrics.ts'
import { checkConfiguration } from '../../src/cli/check.ts'
import { startGateway } from '../support/gateway.ts'
import { day, hour } from '../support/pki.ts'

t.test('certificates and lists that expire are told by log, metric and check, at the start and while it runs', async (t) => {
  const start = Math.floor(Date.now() / 1000) * 1000
  const gateway = await startGateway(t, {
    receiver: 1, routes: [{ certificate: {} }], clientCertificate: { crl: ['ca.crl'] },
    files: async ({ ca }) => {
      const short = await ca.server(['localhost'], { cn: 'short', notAfter: start + 9 * day })
      return { 'server.pem': short.chain, 'server.key': short.key, 'ca.crl': await ca.crl([], { nextUpdate: start + 8 * day }) }
    },
  })
  const said: string[] = []
  const listen = (): void => { gateway.gateway.log.warn = ((text: string) => { said.push(text) }) as typeof gateway.gateway.log.warn }
  listen()
  const page = await pageOf([await gateway.gateway.measure()])
  t.match(page, `sallyport_expiry_seconds{kind="certificate",name="CN=short"} ${(start + 9 * day) / 1000}`)
  t.match(page, new RegExp(`sallyport_expiry_seconds\\{kind="revocation-list",name="CN=[^"]*"\\} ${(start + 8 * day) / 1000}`))
  t.match(page, /sallyport_expiry_seconds\{kind="authority",name="CN=/)
  t.notMatch(await checkConfiguration(gateway.file, gateway.world), /warning/, 'eight days are no reason yet')
  gateway.world.clock.advance(day - hour)
  t.same(said, [], 'nothing to say')
  gateway.world.clock.advance(2 * hour)
  t.match(said, [/^the revocation list of CN=.* expires at .*: senders below it are refused after that/], 'seven days before, without a reload')
  t.match(await checkConfiguration(gateway.file, gateway.world), /warning: the revocation list/)
  gateway.world.clock.advance(day)
  t.match(said.slice(1), [/^the revocation list/, /^the certificate CN=short expires at/], 'each day')
  t.equal(await gateway.gateway.reload(), 'taken')
  listen() // a reload sets the level, and with it what is written
  const count = said.length
  gateway.world.clock.advance(day)
  t.equal(said.length, count + 2, 'a reload leaves one who reminds')
})
