/**
 * One upload of 5 GiB through a `body: stream` route, over mutual TLS, to a receiver that reads more slowly than the sender
 * writes: is resident memory flat? `npm run soak:upload -- --gibibytes 5`. Exit code 1 where one answer is not as wanted.
 */
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { makeCertificates } from './certificates.ts'
import { amount, optionsOf } from './options.ts'
import { usageOf } from './processes.ts'
import { circumstances, median, table, writeSection } from './results.ts'
import { completeStatus, contextOf, openConnection, path, type Door } from './sender.ts'
import { streamingSallyport } from './subjects/node.ts'
import { start } from './subjects/subject.ts'

interface Options { readonly gibibytes: number; readonly rate: number; readonly node: string; readonly print?: true }

const options = optionsOf<Options>(new Command('npm run soak:upload --')
  .description('One upload through a `body: stream` route to a receiver that reads more slowly than the sender writes; written into bench/RESULTS.md.\nExit code 1 where one answer is not as wanted.')
  .option('--gibibytes <n>', 'how much is sent', amount, 5)
  .option('--rate <n>', 'MiB a second that the receiver reads', amount, 150)
  .option('--node <path>', 'the Node binary under Sallyport', process.execPath)
  .option('--print', 'print only; leave bench/RESULTS.md alone')
  .addHelpText('after', '\nExamples:\n  npm run soak:upload\n  npm run soak:upload -- --gibibytes 1 --print'))
const mebibyte = 1024 * 1024
const size = Math.round(options.gibibytes * 1024 * mebibyte)
const bytesPerMillisecond = (options.rate * mebibyte) / 1_000
/** Resident memory may grow by this share between the first third and the last of the upload … */
const mostGrowth = 1.1
/** … and by so much over what it was before. */
const mostMiB = 96

interface SlowReceiver { readonly port: number; readonly count: () => number; readonly close: () => void }

/** Reads at its rate, and answers once everything is there. */
function startSlowReceiver(): Promise<SlowReceiver> {
  let body = 0
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    const begun = performance.now()
    let head: Buffer | undefined = Buffer.alloc(0)
    socket.on('error', () => socket.destroy()).on('close', () => open.delete(socket)).on('data', (chunk) => {
      if (head === undefined) body += chunk.length
      else head = Buffer.concat([head, chunk])
      const end = head?.indexOf('\r\n\r\n') ?? -1
      if (head !== undefined && end !== -1) {
        body += head.length - end - 4
        head = undefined
      }
      if (body >= size) return void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      const ahead = body / bytesPerMillisecond - (performance.now() - begun)
      if (ahead < 5) return
      socket.pause()
      setTimeout(() => socket.resume(), ahead)
    })
  })
  const close = (): void => {
    server.close()
    for (const socket of open) socket.destroy()
  }
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => {
    resolve({ port: (server.address() as AddressInfo).port, count: () => body, close })
  }))
}

/** Resolves to the status; 0 where the connection broke before. */
async function upload(door: Door): Promise<number> {
  const socket = openConnection(door)
  let text = ''
  socket.on('data', (chunk) => { text += chunk.toString('latin1') })
  const over = new Promise<void>((resolve) => {
    socket.on('error', () => resolve()).on('close', () => resolve()).on('data', () => { if (completeStatus(text) !== undefined) resolve() })
  })
  socket.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${size}\r\n\r\n`)
  const block = Buffer.alloc(256 * 1024, 0x61)
  for (let left = size; left > 0 && !socket.destroyed; left -= block.length) {
    if (!socket.write(left < block.length ? block.subarray(0, left) : block)) await Promise.race([once(socket, 'drain'), over])
  }
  await over
  socket.destroy()
  return completeStatus(text) ?? 0
}

async function measure(folder: string): Promise<void> {
  const receiver = await startSlowReceiver()
  const certificates = await makeCertificates(join(folder, 'certificates'))
  const site = { folder: join(folder, 'site'), receiverPort: receiver.port, certificates }
  mkdirSync(site.folder)
  const running = await start(streamingSallyport(options.node), site)
  const before = usageOf(running.pid)
  const resident: number[] = []
  const sampling = setInterval(() => { resident.push(usageOf(running.pid).residentMiB) }, 500)
  const telling = setInterval(() => { console.error(`${(receiver.count() / mebibyte).toFixed(0)} MiB through, ${resident.at(-1)?.toFixed(0)} MiB resident`) }, 5_000)
  const begun = performance.now()
  try {
    const status = await upload({ port: running.port, context: contextOf(certificates, 'sender') })
    const seconds = (performance.now() - begun) / 1_000
    report({ status, seconds, arrived: receiver.count(), resident, before: before.residentMiB, peak: usageOf(running.pid).peakMiB })
  } finally {
    clearInterval(sampling)
    clearInterval(telling)
    await running.stop()
    receiver.close()
  }
}

interface Findings {
  readonly status: number
  readonly seconds: number
  readonly arrived: number
  readonly resident: readonly number[]
  readonly before: number
  readonly peak: number
}

function report({ status, seconds, arrived, resident, before, peak }: Findings): void {
  const third = Math.ceil(resident.length / 3)
  const [early, late] = [median(resident.slice(0, third)), median(resident.slice(-third))]
  const verdicts: [string, string, boolean][] = [
    ['status; bytes that arrived', `${status}; ${arrived} of ${size}`, status === 200 && arrived === size],
    ['resident memory, first third → last third', `${early.toFixed(0)} → ${late.toFixed(0)} MiB`, late <= early * mostGrowth],
    ['resident memory, before → at its highest', `${before.toFixed(0)} → ${peak.toFixed(0)} MiB`, peak - before <= mostMiB],
  ]
  const text = [
    `## Upload: ${options.gibibytes} GiB through a streaming route`,
    `${circumstances()}, ${streamingSallyport(options.node).title}. One body over mutual TLS, ${seconds.toFixed(0)} s; the receiver reads at most ` +
    `${options.rate} MiB a second, and the sender writes as fast as it is let.`,
    table(['', 'found', 'as wanted'], verdicts.map(([what, found, good]) => [what, found, good ? 'yes' : '**no**'])),
  ].join('\n\n')
  const passed = verdicts.every(([, , good]) => good)
  console.log(`${text}\n\n${passed ? 'passed' : 'FAILED'}`)
  if (!options.print) writeSection('upload', text)
  if (!passed) process.exitCode = 1
}

const folder = mkdtempSync(join(tmpdir(), 'sallyport-upload-'))
try {
  await measure(folder)
} finally {
  rmSync(folder, { recursive: true })
}
