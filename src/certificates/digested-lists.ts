import type { X509Certificate } from 'node:crypto'
import { readCertificates } from './pem.ts'
import { listsIn, readRevocationLists, RevocationList } from './revocation-list.ts'

/** The text of a file of lists → the lists; throws a plain sentence for what is none. */
export type ReadLists = (text: string) => RevocationList[]

/** Reads them there and then. */
export const readListsNow: ReadLists = (text) => readRevocationLists(Buffer.from(text, 'latin1'))

/**
 * Reads the lists of files ahead, in slices, with the hashing off the event loop; whoever asks for one of these texts
 * then has it at once. What cannot be read is left to whoever asks, who tells what is wrong.
 */
export async function digestLists(files: readonly { readonly lists: readonly string[]; readonly authorities: readonly string[] }[]): Promise<ReadLists> {
  const known = new Map<string, RevocationList[]>()
  for (const { lists, authorities } of files) {
    const issuers = authorities.flatMap((pem) => orNothing(() => readCertificates(pem)))
    for (const text of lists) {
      const read = known.get(text) ?? await readAll(text)
      for (const list of read) for (const issuer of issuers) await verifyAhead(list, issuer)
      if (read.length > 0) known.set(text, read)
    }
  }
  return (text) => known.get(text) ?? readListsNow(text)
}

async function readAll(text: string): Promise<RevocationList[]> {
  const lists: RevocationList[] = []
  try {
    for (const der of listsIn(Buffer.from(text, 'latin1'))) lists.push(await RevocationList.readLater(der))
    return lists
  } catch {
    return [] // told by whoever asks for it
  }
}

async function verifyAhead(list: RevocationList, issuer: X509Certificate): Promise<void> {
  if (list.names(issuer)) await list.isIssuedByLater(issuer)
}

function orNothing<T>(run: () => T[]): T[] {
  try {
    return run()
  } catch {
    return [] // told by whoever asks for it
  }
}
