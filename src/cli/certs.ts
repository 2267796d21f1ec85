import { Command } from 'commander'
export function certsCommand(): Command { return new Command('certs') }
export async function ensureDevelopmentCertificates(_dir: string): Promise<void> {}
