import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkAccess, inAllColours, launch, shoot, sit } from './browser'
import { startServer, until, type Server } from './server'

let server: Server
let browser: Browser
const home = mkdtempSync(join(tmpdir(), 'hookloft-system-'))
// A value of a setting that would do harm if it were anything but text.
const hostile = '<img src=x onerror="document.title=1">'
const secret = 'a secret of at least 32 characters, planted'
beforeAll(async () => {
  const file = join(home, hostile)
  writeFileSync(file, secret)
  ;[server, browser] = await Promise.all([startServer(['--main-secret-file', file]), launch()])
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
  rmSync(home, { recursive: true, force: true })
})

test('an operator sees what runs, what waits and what is kept', async () => {
  await server.api('POST', '/api/v1/app', { name: 'Later', uid: 'later' })
  await server.api('POST', '/api/v1/app/later/endpoint', { url: 'http://127.0.0.1:65000/' })
  const deliverAt = new Date(Date.now() + 3 * 3_600_000).toISOString()
  await server.api('POST', '/api/v1/app/later/msg', { eventType: 'a.b', payload: {}, deliverAt })
  type System = { queue: { waiting: number | null } }
  await until('it is counted', async () => ((await server.api<System>('GET', '/x/v1/system')).queue.waiting ?? 0) >= 1)

  const person = await sit(browser, server)
  await person.land('/')
  await person.press('link', 'System')
  expect(person.clicks()).toBe(1)
  const { page } = person
  const section = (name: string) => page.getByRole('region', { name, exact: true }).first()
  await section('Health').getByText('Ready for requests', { exact: true }).waitFor()
  await section('Health').getByText('Writes and reads back.').waitFor()

  const asOf = page.getByText(/^(Looks again|Stands still)/).locator('time')
  const first = await asOf.getAttribute('datetime')
  const chart = section('Queue').getByRole('figure', { name: 'By when they are due' })
  await chart.getByRole('img', { name: /deliver(y waits|ies wait), most of them due/ }).waitFor()
  await person.press('button', 'View as table', chart)
  await chart.getByRole('row', { name: /≤ 4 h 1/ }).waitFor()
  await person.press('button', 'View as chart', chart)

  const store = section('Store')
  await store.getByText('Takes messages', { exact: true }).waitFor()
  await store.getByText('sqlite', { exact: true }).waitFor()
  await store.getByText('Never, as far as is known').first().waitFor()
  await section('Process').getByText('api, receive, deliver').waitFor()
  await section('Slow operations of the store').waitFor()
  await section('Migrations').getByText('Settings (catalog)').click()
  await section('Migrations').getByRole('cell', { name: 'When each of these files was applied', exact: false }).waitFor()
  await person.rests()
  await inAllColours(page, () => checkAccess(page))
  await page.setViewportSize({ width: 1280, height: 1700 })
  await page.evaluate(() => scrollTo(0, 0))
  await shoot(page, 'system')
  await page.setViewportSize({ width: 1280, height: 900 })

  // It has moved on by itself, and stands still when it is asked to; the address says so.
  await expect.poll(() => asOf.getAttribute('datetime'), { timeout: 20_000 }).not.toBe(first)
  await person.press('button', 'Stand still')
  await page.waitForURL(/still=1/)
  await person.sees('Stands still.')
  await person.press('button', 'Go on')
  await person.sees('Looks again every five seconds while this page is in sight.')
  await person.close()
})

test('settings are found, hostile values stay text, and secrets are not shown', async () => {
  const person = await sit(browser, server)
  await person.land('/system?setting=secret')
  const { page } = person
  const table = page.getByRole('region', { name: 'Settings of the process' }).getByRole('table')
  await table.getByRole('row', { name: /^main-secret-file/ }).getByText(hostile).waitFor()
  await table.getByRole('row', { name: /^main-secret Set, not shown/ }).waitFor()
  await table.getByRole('row', { name: /^jwt-secret Not set/ }).waitFor()
  expect(await page.locator('img').count()).toBe(0)
  await shoot(page, 'system-settings')
  expect(await page.content()).not.toContain(secret)
  await page.getByLabel('Find a setting').fill('nothing like this')
  await person.sees(/^0 of \d+ settings$/)
  await page.waitForURL(/setting=nothing/)
  await page.getByLabel('Find a setting').fill('public-url')
  await table.getByRole('row', { name: /^public-url/ }).waitFor()

  const [file] = await Promise.all([page.waitForEvent('download'), person.press('button', 'Download diagnostics')])
  expect(file.suggestedFilename()).toMatch(/^hookloft-diagnostics-\d{8}-\d{6}\.tar\.gz$/)
  const bundle = gunzipSync(readFileSync(await file.path())).toString('latin1')
  expect(bundle).toContain('hookloft-diagnostics/system.json')
  expect(bundle).not.toContain(secret)
  await person.close()
})

test('who may only look sees no link to it, and is told why', async () => {
  const { envId } = await server.api<{ envId: string }>('GET', '/api/v1/auth/whoami')
  const { token } = await server.api<{ token: string }>('POST', `/api/v1/management/authentication/${envId}/api-token`, { name: 'viewer', scopes: ['*:read'] })
  const person = await sit(browser, server, { token })
  await person.land('/system')
  await person.sees(/Ask an owner for the role of a developer/)
  expect(await person.page.getByRole('button', { name: 'Download diagnostics' }).count()).toBe(0)
  await person.page.getByRole('link', { name: 'Tasks' }).waitFor()
  expect(await person.page.getByRole('link', { name: 'System', exact: true }).count()).toBe(0)
  await checkAccess(person.page)
  await person.close()
})
