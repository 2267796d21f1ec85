import { readFileSync } from 'node:fs'
import { Argument, Command, Option } from 'commander'
import { parseDuration } from '../core/units.ts'
import { makeDevelopmentCertificates } from '../pki/development.ts'
import { PkiDirectory, PkiError, type Issue, type Listed } from '../pki/directory.ts'
import type { Revoked } from '../pki/revocation-list.ts'
import { systemWorld } from '../world.ts'
import { pinCommand } from './certs-pin.ts'
import { repeated } from './repeated.ts'
import { UsageError } from './usage-error.ts'

const now = systemWorld.clock.now

/** Makes what `npm start` needs in this directory, where it is not there yet or has expired. */
export async function ensureDevelopmentCertificates(directory: string): Promise<void> {
  await told(() => makeDevelopmentCertificates(directory, now()))
}

/** `sallyport certs`: a private PKI for tests, partners and labs. */
export function certsCommand(): Command {
  return new Command('certs')
    .description('a private PKI for tests, partners and labs: authority, certificates, revocation list')
    .addCommand(initCommand()).addCommand(issueCommand()).addCommand(revokeCommand()).addCommand(renewCommand()).addCommand(listCommand()).addCommand(pinCommand())
    .addHelpText('after', `
Examples:
  sallyport certs init --cn "Example Webhooks CA"
  sallyport certs issue server --san dns:hooks.example.com --san ip:203.0.113.7
  sallyport certs issue sender --name partner --cn partner --san uri:spiffe://partner/hooks
  P12=secret sallyport certs issue sender --name windows --san dns:sender.example --rsa --p12 env:P12
  sallyport certs revoke partner --reason keyCompromise
  sallyport certs list
  sallyport certs pin partner --cert partner-2027.pem`)
}

const keyOption = () => new Option('--rsa', 'RSA 2048 instead of EC P-256').default('ec').preset('rsa')

/** The default is shown as it would be written. */
const daysOption = (flags: string, what: string, usual: string) => new Option(flags, what).argParser(days).default(days(usual), usual)

function common(command: Command): Command {
  return command.option('-d, --dir <directory>', 'where the authority lives', 'certs').exitOverride()
}

function initCommand(): Command {
  return common(new Command('init')).description('make an authority: ca.pem, ca.key and an empty list ca.crl')
    .option('--cn <name>', 'common name of the authority', 'Sallyport CA').option('--o <name>', 'organization')
    .addOption(daysOption('--days <days>', 'how long the authority is valid', '3650')).addOption(daysOption('--crl-days <days>', 'how long the list is valid', '30'))
    .addOption(keyOption())
    .addHelpText('after', '\nExample:\n  sallyport certs init --dir certs --cn "Example Webhooks CA"')
    .action((options: InitOptions) => told(async () => {
      const directory = new PkiDirectory(options.dir)
      await directory.init(subjectOf(options.cn, options.o), options.rsa, options.days, options.crlDays, now())
      say(`made ${directory.file('ca.pem')}, ca.key and ca.crl; keep ca.key to yourself`)
    }))
}

interface InitOptions { readonly dir: string; readonly cn: string; readonly o?: string; readonly days: number; readonly crlDays: number; readonly rsa: 'ec' | 'rsa' }

function issueCommand(): Command {
  return common(new Command('issue')).description('issue a certificate and its key, and a PKCS#12 bundle where asked')
    .addArgument(new Argument('<role>', 'what it is for').choices(['server', 'sender']))
    .option('--name <name>', 'name of the files; left out: the role').option('--cn <name>', 'common name; left out: the first DNS name').option('--o <name>', 'organization')
    .option('--san <name>', 'a name: dns:… uri:… email:… ip:… (several: again)', repeated)
    .addOption(daysOption('--days <days>', 'how long it is valid', '365'))
    .option('--p12 <password>', 'write a PKCS#12 bundle, too; its password by reference: env:NAME or file:PATH')
    .option('--force', 'write over files of that name').addOption(keyOption())
    .addHelpText('after', '\nExamples:\n  sallyport certs issue server --san dns:hooks.example.com\n  sallyport certs issue sender --name partner --san dns:sender.example --p12 file:password.txt')
    .action((role: Issue['role'], options: IssueOptions) => told(() => issue(role, options)))
}

interface IssueOptions {
  readonly dir: string; readonly name?: string; readonly cn?: string; readonly o?: string; readonly san?: readonly string[]
  readonly days: number; readonly p12?: string; readonly force?: true; readonly rsa: 'ec' | 'rsa'
}

async function issue(role: Issue['role'], { dir, name = role, cn, o, san = [], days: lifetime, p12, force, rsa: kind }: IssueOptions): Promise<void> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name) || name === 'ca') throw new PkiError(`${JSON.stringify(name)} cannot be a file here: write letters, digits, dots and dashes, and not ca`)
  if (role === 'server' && san.length === 0) throw new PkiError('a server needs the names it is called by: write --san dns:hooks.example.com')
  const directory = new PkiDirectory(dir)
  const subject = subjectOf(cn ?? san.find((one) => one.startsWith('dns:'))?.slice(4) ?? name, o)
  const request = { name, role, subject, names: san, kind, lifetime, ...p12 === undefined ? {} : { password: password(p12) } }
  await directory.issue(request, now(), force === undefined ? 'keep' : 'replace')
  say(`made ${directory.file(`${name}.pem`)} and ${name}.key${p12 === undefined ? '' : ` and ${name}.p12`}`)
}

const reasons = ['keyCompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation', 'privilegeWithdrawn'] as const satisfies Revoked['reason'][]

function revokeCommand(): Command {
  return common(new Command('revoke')).description('put a certificate on the list, and issue the list anew')
    .argument('<certificate>', 'a name in the directory, a PEM file, or a serial number in hex')
    .addOption(new Option('--reason <reason>', 'why').choices(reasons)).addOption(daysOption('--crl-days <days>', 'how long the list is valid', '30'))
    .addHelpText('after', '\nExample:\n  sallyport certs revoke partner --reason keyCompromise')
    .action((which: string, { dir, reason, crlDays }: { dir: string; reason?: Revoked['reason']; crlDays: number }) => told(async () => {
      const directory = new PkiDirectory(dir)
      say(`revoked ${await directory.revoke(which, reason, now(), crlDays)}; wrote ${directory.file('ca.crl')}`)
    }))
}

function renewCommand(): Command {
  return common(new Command('renew-crl')).description('issue the list anew before it expires: after that nobody is let in')
    .addOption(daysOption('--crl-days <days>', 'how long the list is valid', '30'))
    .addHelpText('after', '\nExample, once a week:\n  sallyport certs renew-crl')
    .action(({ dir, crlDays }: { dir: string; crlDays: number }) => told(async () => {
      const directory = new PkiDirectory(dir)
      await directory.renewList(now(), crlDays)
      say(`wrote ${directory.file('ca.crl')}`)
    }))
}

function listCommand(): Command {
  return common(new Command('list')).description('the certificates of the directory: state, end, names, serial number')
    .option('--json', 'for programs')
    .addHelpText('after', '\nExample:\n  sallyport certs list --json')
    .action(({ dir, json }: { dir: string; json?: true }) => told(() => {
      const listed = new PkiDirectory(dir).list(now())
      say(json === undefined ? listed.map(line).join('\n') : JSON.stringify(listed, undefined, 2))
    }))
}

function line({ file, role, subject, names, serial, notAfter, state }: Listed): string {
  return [file.padEnd(20), role.padEnd(10), state.padEnd(10), `until ${new Date(notAfter).toISOString().slice(0, 10)}`, serial, subject, names].join('  ').trimEnd()
}

function subjectOf(cn: string, o: string | undefined) {
  return o === undefined ? { CN: cn } : { CN: cn, O: o }
}

/** `365` → milliseconds. */
function days(text: string): number {
  const found = /^[1-9][0-9]{0,4}$/.test(text) ? parseDuration(`${text}d`) : undefined
  if (found === undefined) throw new UsageError(`${JSON.stringify(text)} is no number of days: write 1 to 99999`)
  return found
}

/** A password never stands on the command line, where every user of the machine reads it. */
function password(reference: string): string {
  const [kind, name] = [reference.slice(0, reference.indexOf(':')), reference.slice(reference.indexOf(':') + 1)]
  const found = kind === 'env' ? systemWorld.environment(name) : kind === 'file' ? readFileSync(name, 'utf8').replace(/\r?\n$/, '') : undefined
  if (kind !== 'env' && kind !== 'file') throw new PkiError('--p12 takes a reference to the password: write env:NAME or file:PATH')
  if (found === undefined || found === '') throw new PkiError(`the password in ${reference} is empty or not set`)
  return found
}

/** The operator's mistakes become plain sentences. */
async function told(run: () => void | Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (error instanceof PkiError) throw new UsageError(error.message, { cause: error })
    throw error
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
