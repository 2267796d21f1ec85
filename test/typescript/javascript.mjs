// What JavaScript is this TypeScript? Made once for each text of a file and kept below `build/`, as every process of a
// test that loads the compiler anew spends longer on that than most tests take.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = resolve(import.meta.dirname, '../..')
/** What the JavaScript depends on besides its source. */
const settings = ['tsconfig.json', 'node_modules/typescript/package.json', 'test/typescript/javascript.mjs']
  .map((file) => readFileSync(resolve(root, file)))

/** The JavaScript of the file at `path`, with its source map inside, so that a failure names the line of the `.ts`. */
export async function javascriptOf(path) {
  const source = readFileSync(path)
  const kept = resolve(root, 'build/typescript', `${relative(root, path)}.js`)
  const mark = `\n//${[...settings, source].reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex')}`
  const before = read(kept)
  if (before?.endsWith(mark)) return before
  const made = `${await transpile(path, source.toString())}${mark}`
  write(kept, made)
  return made
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** In one step, as processes side by side read it. */
function write(path, text) {
  mkdirSync(dirname(path), { recursive: true })
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, text)
  renameSync(draft, path)
}

async function transpile(path, source) {
  const { default: ts } = await import('typescript')
  const { config } = ts.readConfigFile(resolve(root, 'tsconfig.json'), ts.sys.readFile)
  const compilerOptions = { ...config.compilerOptions, module: 'esnext', inlineSourceMap: true, rewriteRelativeImportExtensions: false }
  return ts.transpileModule(source, { compilerOptions, fileName: pathToFileURL(path).href }).outputText
}
