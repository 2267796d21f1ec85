import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { secretText } from './gateway.ts'
import { makePki, type Ca } from './pki.ts'

/** The configurations that ship in `config/`, and what they name, made for the tests. */

const root = resolve(import.meta.dirname, '../..')

/** `config/sallyport.yaml` and every example, but for their policy tests. */
export const shipped: readonly string[] = [
  'config/sallyport.yaml', ...readdirSync(resolve(root, 'config/examples')).filter((file) => !file.endsWith('.test.yaml')).map((file) => `config/examples/${file}`),
]

/** The policy tests of a configuration: beside it. */
export const testsOf = (file: string): string => file.replace('.yaml', '.test.yaml')

export const readShipped = (file: string): string => readFileSync(resolve(root, file), 'utf8')

/** A file below a directory, wherever its name points to. */
export function put(directory: string, name: string, text: string): string {
  const file = resolve(directory, name.replace(/^(\.\.?\/|\/)+/, ''))
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

/** A configuration whose files are there: certificates by their key, of this authority; anything else a secret. */
export async function furnish(directory: string, yaml: string, ca?: Ca): Promise<string> {
  const authority = ca ?? (await makePki()).ca
  const server = await authority.server()
  const own = { certificate: server.chain, key: server.key, ca: authority.certificate, crl: await authority.crl() }
  const withCertificates = yaml.replace(/\b(certificate|key|ca|crl): (\[[^\]]*\]|[\w./-]+\.(?:pem|key|crt|crl))/g, (line, kind: keyof typeof own, value: string) => (
    line.replace(value, value.replace(/[\w./-]+\.(?:pem|key|crt|crl)/g, (name) => put(directory, name, own[kind])))
  ))
  return furnishSecrets(directory, withCertificates)
}

/** Each `file:` that is no store and no log becomes a file with a secret. */
export function furnishSecrets(directory: string, yaml: string): string {
  return yaml.replace(/file:([\w./-]+)/g, (whole, name: string) => (/nonces|audit|log/.test(name) ? whole : `file:${put(directory, name, `${secretText}\n`)}`))
}
