// A person in front of a browser: presses what has a role and a name, and counts it.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { chromium, type Browser, type BrowserContextOptions, type Locator, type Page, type Request } from 'playwright-core'
import { expect } from 'vitest'
import type { Server } from './server'

/** chromiumPath is the system's browser; "" where there is none. test/ui says so and skips then. */
export function chromiumPath(): string {
  for (const name of [process.env.CHROMIUM, 'chromium-headless-shell', 'chromium', 'google-chrome']) {
    if (!name) continue
    if (name.startsWith('/') && existsSync(name)) return name
    try {
      return execFileSync('which', [name], { encoding: 'utf8' }).trim()
    } catch {
      // the next one
    }
  }
  return ''
}

export const launch = (): Promise<Browser> => chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox', '--force-color-profile=srgb'] })

/** patience is how long a person waits for a page, in milliseconds. It is no verdict: a machine may be busy with other things. */
const patience = 20_000

type Role = Parameters<Page['getByRole']>[0]

export type Person = {
  page: Page
  /** clicks counts what was pressed since the last landing. */
  clicks: () => number
  /** land opens a place of the server; counting begins anew. */
  land: (path: string) => Promise<void>
  press: (role: Role, name: string | RegExp, within?: ReturnType<Page['getByRole']>) => Promise<void>
  /** fill types into a field; typing is free. */
  fill: (label: string | RegExp, value: string) => Promise<void>
  sees: (words: string | RegExp) => Promise<void>
  /** rests waits until the page has all that it asked for, and drew it. */
  rests: () => Promise<void>
  close: () => Promise<void>
}

/** sit opens a page that is signed in with the server's token. What the page logs as an error, throws, or asks of
    another host fails the test at close. */
export async function sit(browser: Browser, server: Server, options: BrowserContextOptions & { token?: string | null } = {}): Promise<Person> {
  const { token = server.token, ...context } = options
  const inner = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', permissions: ['clipboard-read', 'clipboard-write'], ...context })
  inner.setDefaultTimeout(patience)
  if (token) await inner.addInitScript(([place, value]) => { if (!sessionStorage.getItem(place!)) sessionStorage.setItem(place!, value!) }, ['hookloft.token', token])
  const page = await inner.newPage()
  const wrong: string[] = []
  page.on('pageerror', (e) => wrong.push(String(e)))
  page.on('console', (m) => { if (m.type() === 'error' && !/Failed to load resource/.test(m.text())) wrong.push(m.text()) })
  page.on('request', (r) => { if (!r.url().startsWith(server.url) && !/^(data|blob|about):/.test(r.url())) wrong.push(`asks another host: ${r.url()}`) })
  let clicks = 0
  // The live stream is a request that never ends.
  const under = new Set<Request>()
  page.on('request', (r) => { if (!/\/tail(\?|$)/.test(r.url())) under.add(r) })
  page.on('requestfinished', (r) => under.delete(r))
  page.on('requestfailed', (r) => under.delete(r))
  return {
    page,
    clicks: () => clicks,
    async land(path) {
      await page.goto(server.url + path)
      clicks = 0
    },
    async press(role, name, within) {
      clicks++
      await (within ?? page).getByRole(role, { name, exact: typeof name === 'string' }).click()
    },
    fill: (label, value) => page.getByLabel(label).fill(value),
    async sees(words) {
      await page.getByText(words).filter({ visible: true }).first().waitFor()
    },
    async rests() {
      // Twice in a row: what one answer makes the page ask for begins a moment later.
      let still = 0
      await expect.poll(async () => {
        const waits = await page.evaluate(() => (document.querySelector('h1') ? document.querySelectorAll('.skeleton').length : 'no heading'))
        still = waits === 0 && under.size === 0 ? still + 1 : 0
        return still >= 3 ? 'at rest' : `${waits} loading; asks for ${[...under].map((r) => r.url()).join(', ')}`
      }, { interval: 60, timeout: patience }).toBe('at rest')
    },
    async close() {
      await inner.close()
      expect(wrong).toEqual([])
    },
  }
}

/** strike presses a key until what it does is seen: a page that is drawn may listen a moment later. */
export async function strike(page: Page, key: string, seen: Locator): Promise<void> {
  await expect.poll(async () => {
    if (!await seen.isVisible()) await page.keyboard.press(key)
    return seen.isVisible()
  }, { interval: 300, timeout: patience }).toBe(true)
}

/** has waits until the focus is on it. */
export const hasFocus = (what: Locator): Promise<void> =>
  expect.poll(() => what.evaluate((e) => e === e.ownerDocument.activeElement)).toBe(true)

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

type Finding = { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }

// inOtherColours are pages that were checked in full and now have other colours: only what depends on them is looked at again.
const inOtherColours = new WeakSet<Page>()
const colourRules = ['color-contrast', 'link-in-text-block']

/** checkAccess runs axe-core on what the page shows: no serious and no critical finding. */
export async function checkAccess(page: Page): Promise<void> {
  if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(axeSource)
  const found = await page.evaluate(async (runOnly) => {
    const { axe } = window as unknown as { axe: { run: (what: Document, options: object) => Promise<{ violations: Finding[] }> } }
    const { violations } = await axe.run(document, { resultTypes: ['violations'], ...(runOnly && { runOnly }) })
    return violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
      .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)} (${n.failureSummary})`).join('; ')}`)
  }, inOtherColours.has(page) && colourRules)
  expect(found).toEqual([])
}

/** shoot keeps a picture of the page in both themes, where HOOKLOFT_SHOTS names a folder. */
export async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env.HOOKLOFT_SHOTS
  if (!folder) return
  mkdirSync(folder, { recursive: true })
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme })
    await page.screenshot({ path: join(folder, `${name}-${theme}.png`) })
  }
  await page.emulateMedia({ colorScheme: 'light' })
}

/** inAllColours runs a check in light, in full, and then in dark and in forced colours. */
export async function inAllColours(page: Page, check: () => Promise<void>): Promise<void> {
  for (const media of [{ colorScheme: 'light' }, { colorScheme: 'dark' }, { forcedColors: 'active' }] as const) {
    await page.emulateMedia(media)
    await check()
    inOtherColours.add(page)
  }
  inOtherColours.delete(page)
  await page.emulateMedia({ colorScheme: 'light', forcedColors: 'none' })
}
