import { isDeepStrictEqual } from 'node:util'
import type { OperatorLog } from './audit/log.ts'
import type { Metrics } from './audit/metrics.ts'
import { ConfigurationFiles } from './config/files.ts'
import type { Settings } from './config/schema.ts'

/** What came of a reload. */
export type Reloaded = 'taken' | 'refused'

export interface ReloadParts {
  readonly file: string
  /** What the configuration in force was read from, as it was then. */
  readonly files: ReadonlyMap<string, string>
  readonly log: OperatorLog
  readonly metrics: Pick<Metrics, 'reloaded'>
  /** Takes what stands in the files now as a whole, or rejects, and nothing has changed. */
  readonly take: (files: ConfigurationFiles) => Promise<void>
}

/** Reloads, one at a time. Where the configuration is wrong the old one stays, the log says why and a metric rises. */
export class Reloads {
  readonly #parts: ReloadParts
  #files: ReadonlyMap<string, string>
  #last: Promise<unknown> = Promise.resolve()
  #isOver = false

  constructor(parts: ReloadParts) {
    this.#parts = parts
    this.#files = parts.files
  }

  /** Every file whose change is a reason to reload, as it was when read; those that a refused reload was missing, too. */
  get files(): ReadonlyMap<string, string> {
    return this.#files
  }

  again(): Promise<Reloaded> {
    const result = this.#last.then(() => this.#takeAnew())
    this.#last = result
    return result
  }

  /** For good. Resolves once none is under way. */
  async stop(): Promise<void> {
    this.#isOver = true
    await this.#last
  }

  async #takeAnew(): Promise<Reloaded> {
    if (this.#isOver) return 'refused'
    const { file, log, metrics, take } = this.#parts
    const files = new ConfigurationFiles(file)
    try {
      await take(files)
      this.#files = files.all
      metrics.reloaded('taken')
      log.info('configuration reloaded')
      return 'taken'
    } catch (error) {
      this.#files = new Map([...this.#files, ...files.all])
      metrics.reloaded('refused')
      log.error({ problem: error instanceof Error ? error.message : String(error) }, 'reload refused, the last good configuration stays')
      return 'refused'
    }
  }
}

/** What is opened once, at the start: a reload that changes one of these keys says that it does not change what they stand for. */
export function tellLate(log: OperatorLog, keys: readonly (keyof Settings)[], before: Settings, next: Settings): void {
  const late = keys.filter((key) => !isDeepStrictEqual(before[key], next[key]))
  if (late.length > 0) log.warn({ keys: late }, 'these keys changed and take effect at the next start')
}
