/** A session as `openssl s_client -sess_out` writes it: PEM around a DER sequence (SSL_SESSION_ASN1 in OpenSSL's ssl/ssl_asn1.c). */

/** The explicit tag of `max_early_data` in that sequence. */
const maxEarlyData = 0xaf

/** The same session, saying that its server takes so many bytes (below 32768) of early data, whatever the server said. */
export function allowingEarlyData(pem: string, bytes: number): string {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  const { body } = element(der)
  const fields: Buffer[] = []
  for (let rest = body; rest.length > 0;) {
    const { whole } = element(rest)
    fields.push(whole)
    rest = rest.subarray(whole.length)
  }
  const field = Buffer.of(maxEarlyData, 4, 2, 2, bytes >> 8, bytes & 0xff)
  const others = fields.filter(([tag]) => tag !== maxEarlyData)
  const behind = others.findIndex(([tag = 0]) => tag > maxEarlyData)
  others.splice(behind === -1 ? others.length : behind, 0, field)
  const content = Buffer.concat(others)
  const text = Buffer.concat([Buffer.of(0x30, 0x82, content.length >> 8, content.length & 0xff), content]).toString('base64')
  return `-----BEGIN SSL SESSION PARAMETERS-----\n${text.replace(/.{64}/g, '$&\n')}\n-----END SSL SESSION PARAMETERS-----\n`
}

function element(der: Buffer): { readonly whole: Buffer; readonly body: Buffer } {
  const first = der[1] ?? 0
  const count = first < 0x80 ? 0 : first & 0x7f
  const length = count === 0 ? first : der.readUIntBE(2, count)
  const end = 2 + count + length
  return { whole: der.subarray(0, end), body: der.subarray(2 + count, end) }
}
