import type { X509Certificate } from 'node:crypto'
import { readCertificates } from './pem.ts'
import { readRevocationLists, readRevocationListsLater, type RevocationList } from './revocation-list.ts'

/** The bytes of a file of lists → the lists; throws a plain sentence for what is none. */
export type ReadLists = (file: Uint8Array) => RevocationList[]

/** Reads them there and then. */
export const readListsNow: ReadLists = readRevocationLists

/**
 * Reads the lists of files ahead, in slices, with the hashing off the event loop; whoever asks for one of these very files
 * then has it at once. What cannot be read is left to whoever asks, who tells what is wrong.
 */
export async function digestLists(files: readonly { readonly lists: readonly Uint8Array[]; readonly authorities: readonly string[] }[]): Promise<ReadLists> {
  const known = new Map<Uint8Array, RevocationList[]>()
  for (const { lists, authorities } of files) {
    const issuers = authorities.flatMap((pem) => orNothing(() => readCertificates(pem)))
    for (const file of lists) {
      // Told by whoever asks for it.
      const read = known.get(file) ?? await readRevocationListsLater(file).catch(() => [])
      for (const list of read) for (const issuer of issuers) await verifyAhead(list, issuer)
      if (read.length > 0) known.set(file, read)
    }
  }
  return (file) => known.get(file) ?? readListsNow(file)
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
