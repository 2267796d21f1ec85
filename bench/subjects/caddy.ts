import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { path } from '../sender.ts'
import { printedBy, type Site, type Subject } from './subject.ts'

/** Caddy as Debian ships it: it has neither HMAC nor nonce, so it does less than the others. */
export const caddy: Subject = {
  key: 'caddy',
  title: 'Caddy',
  asks: ['certificate'],
  note: 'no HMAC and no nonce',
  install: 'apt-get install caddy',
  version: () => {
    const found = /^v?(\d\S*)/.exec(printedBy('caddy', 'version') ?? '')?.[1]
    return found === undefined ? undefined : `Caddy ${found}`
  },
  prepare: (site) => {
    const file = join(site.folder, 'caddy.json')
    writeFileSync(file, JSON.stringify(configuration(site), undefined, 2))
    return {
      file: 'caddy', parameters: ['run', '--config', file],
      environment: { GOMAXPROCS: '1', HOME: site.folder, XDG_DATA_HOME: site.folder, XDG_CONFIG_HOME: site.folder },
    }
  },
}

function configuration({ folder, port, receiverPort, certificates }: Site): object {
  return {
    admin: { disabled: true, config: { persist: false } },
    logging: {
      logs: {
        default: { level: 'ERROR' },
        audit: { writer: { output: 'file', filename: join(folder, 'access.log'), roll: false }, include: ['http.log.access.audit'] },
      },
    },
    apps: {
      http: { servers: { edge: edge(port, receiverPort, certificates.ca) } },
      tls: {
        certificates: { load_files: [{ certificate: certificates.server, key: certificates.serverKey }] },
        session_tickets: { disabled: true },
      },
    },
  }
}

function edge(port: number, receiverPort: number, ca: string): object {
  const der = new X509Certificate(readFileSync(ca)).raw.toString('base64')
  const forward = {
    handler: 'reverse_proxy', upstreams: [{ dial: `127.0.0.1:${receiverPort}` }],
    transport: { protocol: 'http', compression: false, keep_alive: { enabled: true, max_idle_conns_per_host: 256 } },
  }
  return {
    listen: [`127.0.0.1:${port}`], protocols: ['h1'], automatic_https: { disable: true },
    logs: { default_logger_name: 'audit' },
    tls_connection_policies: [{ client_authentication: { trusted_ca_certs: [der], mode: 'require_and_verify' } }],
    routes: [
      { match: [{ path: [path], remote_ip: { ranges: ['127.0.0.0/8'] } }], handle: [forward], terminal: true },
      { handle: [{ handler: 'static_response', status_code: 404 }] },
    ],
  }
}
