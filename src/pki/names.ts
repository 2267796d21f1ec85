import 'reflect-metadata'
import { isIP } from 'node:net'
import { Name, type JsonGeneralName } from '@peculiar/x509'

/** The parts of a certificate's name that we write, in the order given. */
export interface Subject { readonly CN?: string; readonly O?: string; readonly OU?: string; readonly C?: string }

/** A subject for the certificate builder. UTF-8 strings, so that no character of a value means anything. */
export function writeSubject(subject: Subject): Name {
  return new Name(Object.entries(subject).map(([type, value]) => ({ [type]: [{ utf8String: value as string }] })))
}

const types = new Map<string, JsonGeneralName['type']>([['dns', 'dns'], ['uri', 'url'], ['email', 'email'], ['ip', 'ip']])

/** `dns:hooks.example` `uri:spiffe://a/b` `email:ops@example` `ip:192.0.2.1` → a name; throws a plain sentence otherwise. */
export function parseSubjectName(text: string): JsonGeneralName {
  const colon = text.indexOf(':')
  const type = types.get(text.slice(0, colon))
  const value = text.slice(colon + 1)
  if (type === undefined || value === '') throw new Error(`${JSON.stringify(text)} is no name: write dns:, uri:, email: or ip: and a value`)
  if (!/^[\x21-\x7e]+$/.test(value)) throw new Error(`${JSON.stringify(text)} holds characters that certificates cannot: write ASCII (punycode)`)
  if (type === 'ip' && isIP(value) === 0) throw new Error(`${JSON.stringify(value)} is no IP address`)
  return { type, value }
}
