// Serves that page, built, at an origin of its own.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { build } from 'vite'

export type Outer = { origin: string; page: (given: Record<string, unknown>) => string; stop: () => Promise<void> }

/** startOuters serves the page on two ports: two origins. */
export async function startOuters(): Promise<[Outer, Outer]> {
  const result = await build({
    configFile: false, logLevel: 'error', define: { 'process.env.NODE_ENV': '"production"' },
    build: { write: false, lib: { entry: join(import.meta.dirname, 'shop.js'), formats: ['es'], fileName: 'outer', cssFileName: 'outer' } },
  })
  const files = (Array.isArray(result) ? result : [result]).flatMap((r) => ('output' in r ? r.output : []))
  const source = (end: string) => {
    const file = files.find((f) => f.fileName.endsWith(end))
    if (!file) throw new Error(`nothing built that ends with ${end}`)
    return file.type === 'chunk' ? file.code : String(file.source)
  }
  const [script, style] = [source('.js'), source('.css')]
  const one = async (): Promise<Outer> => {
    const server = createServer((req, res) => {
      if (req.url === '/outer.js') res.writeHead(200, { 'Content-Type': 'text/javascript' }).end(script)
      else if (req.url === '/outer.css') res.writeHead(200, { 'Content-Type': 'text/css' }).end(style)
      else res.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><html lang="en"><title>Shop</title><link rel="stylesheet" href="/outer.css"><body><h1>Shop</h1><div id="root"></div><script type="module" src="/outer.js"></script>')
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return {
      origin,
      page: (given) => `${origin}/?given=${encodeURIComponent(JSON.stringify(given))}`,
      stop: () => new Promise<void>((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
    }
  }
  return Promise.all([one(), one()])
}
