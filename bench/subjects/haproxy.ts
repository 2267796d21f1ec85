import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { path, secret } from '../sender.ts'
import { printedBy, type Site, type Subject } from './subject.ts'

/** HAProxy, with its own `hmac` converter and a stick-table that counts how often it saw a MAC. */
export const haproxy: Subject = {
  key: 'haproxy',
  title: 'HAProxy',
  asks: ['certificate', 'signature', 'nonce'],
  note: 'nonce in a stick-table, claimed only: a delivery that the receiver refused cannot be retried; lost at a restart; the oldest ' +
    'is forgotten when the table is full',
  install: 'apt-get install haproxy',
  version: () => {
    const found = /HAProxy version (\S+?)[- ]/.exec(printedBy('haproxy', '-v') ?? '')?.[1]
    return found === undefined ? undefined : `HAProxy ${found}`
  },
  prepare: (site) => {
    const file = join(site.folder, 'haproxy.cfg')
    writeFileSync(file, configuration(site))
    return { file: 'haproxy', parameters: ['-db', '-f', file] }
  },
}

const fields = [
  '"time":"%Tl"', '"id":"%ID"', '"source":"%ci"', '"certificate":"%{+Q}[ssl_c_s_dn]"', '"fingerprint":"%[ssl_c_sha1,hex]"',
  '"path":"%HP"', '"status":%ST', '"bytes":%U', '"milliseconds":%Ta',
].join(',').replaceAll('"', '\\"').replaceAll(' ', '\\ ')

const configuration = ({ port, receiverPort, certificates }: Site): string => `
global
  nbthread 1
  maxconn 4096
  log stdout format raw local0
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  option http-buffer-request
  http-reuse always
  log global
  unique-id-format %{+X}o\\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid
  log-format {${fields}}
frontend edge
  bind 127.0.0.1:${port} ssl crt ${certificates.serverBundle} ca-file ${certificates.ca} verify required no-tls-tickets ssl-min-ver TLSv1.2 alpn http/1.1 backlog 4096
  tcp-request connection reject unless { src 127.0.0.0/8 }
  stick-table type binary len 32 size 1m expire 24h store gpc0
  http-request deny deny_status 404 unless { path ${path} }
  http-request set-var(txn.mac) req.body,hmac(sha256,${Buffer.from(secret).toString('base64')})
  http-request set-var(txn.expected) var(txn.mac),hex,lower
  http-request set-var(txn.given) req.hdr(X-Hub-Signature-256),regsub(^sha256=,)
  http-request deny deny_status 401 unless { req.hdr(X-Hub-Signature-256) -m beg sha256= } { var(txn.given),secure_memcmp(txn.expected) }
  http-request track-sc0 var(txn.mac)
  http-request return status 409 if { sc0_inc_gpc0 gt 1 }
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto https
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  default_backend receiver
backend receiver
  server receiver 127.0.0.1:${receiverPort} pool-max-conn 256
`
