import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { makePki } from './pki.ts'
import { secretText, type Test } from './gateway.ts'

/** A directory with everything that the configurations of the tests name: certificates, a list, secrets. */
export interface Site {
  readonly directory: string
  /** Writes a file into it; gives its path. */
  readonly write: (name: string, text: string | Uint8Array) => string
}

const pki = makePki()

export async function makeSite(t: Pick<Test, 'testdir'>): Promise<Site> {
  const { ca } = await pki
  const [server, sender] = await Promise.all([ca.server(), ca.client()])
  const directory = t.testdir({
    'server.pem': server.chain, 'server.key': server.key, 'ca.pem': ca.certificate, 'ca.crl': await ca.crl(),
    'sender.pem': sender.chain, 'sender.key': sender.key, 'secret.txt': `${secretText}\n`, 'empty.txt': '',
  })
  return {
    directory,
    write(name, text) {
      const path = resolve(directory, name)
      writeFileSync(path, text)
      return path
    },
  }
}
