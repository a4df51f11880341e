// Starts the real program with a store of its own in a temporary directory.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHTTPServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { createServer as createHTTPSServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { onTestFinished } from 'vitest'
import { certificate, certificateKey } from './certificate'

/** binary is the program under test; make gives its place. */
export const binary = process.env.HOOKLOFT_BIN ?? resolve(import.meta.dirname, '../../bin/hookloft')

export type Server = {
  url: string
  /** token may do everything in the environment. */
  token: string
  /** output is all that the program printed. */
  output: () => string
  /** api calls an operation and returns its answer; what is not a 2xx throws. */
  api: <T = Record<string, unknown>>(method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<T>
  /** command runs a command of the program on the server's data and returns what it prints. */
  command: (...args: string[]) => string
  stop: () => Promise<void>
  /** restart ends the program as stop does and starts it again on the same data, at the same address. */
  restart: () => Promise<void>
}

/** startServer runs `hookloft dev`: it has the application "demo" with an inbox that answers 200. */
export async function startServer(flags: string[] = []): Promise<Server> {
  const home = mkdtempSync(join(tmpdir(), 'hookloft-web-'))
  let printed = ''
  const start = async (listen: string) => {
    const begun = printed.length
    const child = spawn(binary, ['dev', '--listen', listen, '--data', join(home, 'data'), ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, HOME: home, HOOKLOFT_API_RATE: '0' },
    })
    const ended = new Promise<void>((done) => child.on('exit', () => done()))
    await new Promise<void>((done, fail) => {
      const timer = setTimeout(() => fail(new Error(`the server does not start:\n${printed}`)), 60_000)
      const take = (chunk: Buffer) => {
        printed += chunk.toString()
        if (/token\s+hl_sk_\S+\n/.test(printed.slice(begun))) {
          clearTimeout(timer)
          done()
        }
      }
      child.stdout.on('data', take)
      child.stderr.on('data', take)
      child.on('exit', (code) => fail(new Error(`the server ended with ${code}:\n${printed}`)))
    })
    return async () => {
      child.kill('SIGTERM')
      const hard = setTimeout(() => child.kill('SIGKILL'), 12_000)
      await ended
      clearTimeout(hard)
    }
  }
  let end = await start('127.0.0.1:0')
  const token = /token\s+(hl_sk_\S+)/.exec(printed)![1]!
  const url = /ready on (http:\S+)/.exec(printed)![1]!
  const api: Server['api'] = async (method, path, body, headers) => {
    const response = await fetch(url + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return (text ? JSON.parse(text) : undefined) as never
  }
  const stop = async () => {
    await end()
    rmSync(home, { recursive: true, force: true })
  }
  const restart = async () => {
    await end()
    end = await start(new URL(url).host)
  }
  const command = (...args: string[]) => execFileSync(binary, [...args, '--data', join(home, 'data')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, HOME: home } })
  return { url, token, output: () => printed, api, command, stop, restart }
}

export type Received = { path: string; method: string; headers: IncomingHttpHeaders; body: string }
export type Answer = number | { status: number; body?: string; headers?: Record<string, string>; wait?: number }

/** startReceiver is a customer's endpoint: what it answers is asked for each request, 200 by default. It ends with the test. */
export async function startReceiver(answer: (r: Received) => Answer = () => 200, secure = false) {
  const got: Received[] = []
  const listen: RequestListener = async (req, res) => {
    let body = ''
    for await (const chunk of req) body += chunk
    const r = { path: req.url ?? '/', method: req.method ?? '', headers: req.headers, body }
    got.push(r)
    const a = answer(r)
    const { status, body: text = '', headers = {}, wait = 0 } = typeof a === 'number' ? { status: a } : a
    if (wait) await new Promise((done) => setTimeout(done, wait))
    res.writeHead(status, headers).end(text)
  }
  const server = secure ? createHTTPSServer({ cert: certificate, key: certificateKey }, listen) : createHTTPServer(listen)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const stop = () => new Promise<void>((done) => {
    server.close(() => done())
    server.closeAllConnections()
  })
  try {
    onTestFinished(stop)
  } catch {
    // It was started for a whole file, which stops it.
  }
  return { url: `${secure ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`, got, stop }
}

/** until waits for something that another process does. What cannot be asked for yet, such as what is not there, is asked again. */
export async function until<T>(what: string, ask: () => Promise<T | undefined | false> | T | undefined | false, seconds = 30): Promise<T> {
  for (const end = Date.now() + seconds * 1000; ;) {
    let wrong: unknown
    try {
      const found = await ask()
      if (found) return found
    } catch (e) {
      wrong = e
    }
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`, { cause: wrong })
    await new Promise((done) => setTimeout(done, 50))
  }
}
