// Fails where the first load of a page is larger than what was promised: the page, its scripts
// and styles and what they import at once, each as gzip.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const limits = { 'dashboard.html': 250, 'portal.html': 150 } // kB
const manifest = JSON.parse(readFileSync('dist/manifest.json', 'utf8'))
const files = (entry, seen = new Set()) => {
  const chunk = manifest[entry]
  seen.add(chunk.file)
  for (const css of chunk.css ?? []) seen.add(css)
  for (const imported of chunk.imports ?? []) files(imported, seen)
  return seen
}
let failed = false
for (const [page, limit] of Object.entries(limits)) {
  const size = [page, ...files(page)].reduce((sum, file) => sum + gzipSync(readFileSync(`dist/${file}`)).length, 0) / 1000
  console.log(`${page}: ${size.toFixed(0)} kB of ${limit} kB gzip`)
  failed ||= size > limit
}
process.exit(failed ? 1 : 0)
