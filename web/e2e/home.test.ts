import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkAccess, inAllColours, launch, shoot, sit, strike } from './browser'
import { startReceiver, startServer, until, type Server } from './server'

let server: Server
let browser: Browser
let receiver: Awaited<ReturnType<typeof startReceiver>>
let isDown = true
const hostile = '<img src=x onerror="window.hacked=1">'
const path = `/hooks/${'long-'.repeat(12)}end`

beforeAll(async () => {
  ;[server, browser, receiver] = await Promise.all([startServer(), launch(), startReceiver(() => (isDown ? 503 : 200))])
  await server.api('POST', '/api/v1/app', { uid: 'outage', name: hostile })
  await server.api('POST', '/api/v1/app/outage/endpoint', { uid: 'shop', url: receiver.url + path })
  await server.api('PUT', '/x/v1/app/outage/endpoint/shop/request', { retrySchedule: [] })
})
afterAll(async () => {
  await browser?.close()
  await receiver?.stop()
  await server?.stop()
})

const send = async (n: number) => {
  for (let i = 0; i < n; i++) await server.api('POST', '/api/v1/app/outage/msg', { eventType: 'bread.ready', payload: { i } })
}
// counted waits until the sums have what the attempts say: the overview asks for them once a minute.
const counted = (failed: number, success: number) => until(`${failed} and ${success} are counted`, async () => {
  const { total } = await server.api<{ total: { failed: number; success: number } }>('GET', '/x/v1/app/outage/endpoint/shop/stats/series?period=minute')
  return total.failed === failed && total.success === success
})
const attempts = async () => (await server.api<{ data: { status: number }[] }>('GET', '/api/v1/app/outage/attempt/endpoint/shop?limit=100')).data

test('the overview of a server on which nothing happened says so, and unknown numbers are no zeros', async () => {
  const person = await sit(browser, server)
  await person.land('/')
  await person.page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
  await person.sees('Nothing was sent in this time.')
  await person.page.getByRole('region', { name: 'Health' }).getByText('Ready for requests').waitFor()
  const late = person.page.locator('dl.figures > div').filter({ hasText: 'Most overdue' })
  await expect.poll(() => late.locator('dd').first().textContent()).toBe('none')
  const success = person.page.locator('dl.figures > div').filter({ hasText: 'Success' })
  await expect.poll(() => success.locator('dd').first().textContent()).toBe('–')
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'overview-quiet')
  await person.close()
})

test('T15: after an outage one click sends again what was missed', async () => {
  await send(7)
  await until('all have failed', async () => (await attempts()).length === 7)
  await counted(7, 0)
  const person = await sit(browser, server)
  const { page } = person
  await person.land('/')
  const endpoint = `/apps/outage/endpoints/${(await server.api<{ id: string }>('GET', '/api/v1/app/outage/endpoint/shop')).id}`
  // While it is down, it is among what fails, and nothing is offered.
  await page.getByRole('table').getByRole('link', { name: path }).waitFor()
  await page.locator('[aria-label^="1 endpoint with failures"]').waitFor()
  expect(await page.getByRole('button', { name: /^Replay/ }).count()).toBe(0)
  // The time of the last failure is as exact as the sums: an hour of a day, a minute of an hour.
  const last = page.getByRole('row').filter({ has: page.getByRole('link', { name: path }) }).locator('td').last()
  await expect.poll(() => last.textContent()).toMatch(/^in the hour from \w+ \d+, \d\d:\d\d/)
  await last.scrollIntoViewIfNeeded()
  await shoot(page, 'overview-failing')
  await person.press('button', '1 hour')
  await expect.poll(() => last.textContent()).toMatch(/^\w+ \d+, \d\d:\d\d( [AP]M)?$/)
  await inAllColours(page, () => checkAccess(page))
  await person.land(endpoint)
  await person.sees(/^Failing:/)
  await person.rests()
  expect(await page.getByText('Recovered', { exact: true }).count()).toBe(0)
  isDown = false
  await send(3)
  await until('it answers again', async () => (await attempts()).filter((a) => a.status === 0).length === 3)
  await counted(7, 3)
  await person.land('/')
  await person.sees(/7 messages failed/)
  await checkAccess(page)
  await page.locator('canvas, .figure').first().waitFor()
  await shoot(page, 'overview')
  await person.press('button', 'Replay 7')
  expect(person.clicks()).toBe(1)
  await person.sees(/7 messages were sent again/)
  await until('all were sent again', () => receiver.got.length === 7 + 3 + 7)
  await checkAccess(page)
  await shoot(page, 'overview-replayed')
  await person.land(endpoint)
  await page.getByRole('status').filter({ has: page.getByText('Recovered', { exact: true }) }).getByText(/^It answers again. Messages failed for good (at about|between) .* Replay sends what is still missing.$/).waitFor()
  await inAllColours(page, () => checkAccess(page))
  await shoot(page, 'endpoint-recovered')
  await person.land('/')
  await person.page.setViewportSize({ width: 360, height: 800 })
  const tooWide = () => page.evaluate(() => (document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('main *')]
    .filter((e) => e.getBoundingClientRect().right > innerWidth && !e.closest('.table-wrap, .tabs')).map((e) => e.outerHTML.slice(0, 80))))
  await until('nothing is wider than a phone', async () => (await tooWide()).length === 0)
  expect(await page.evaluate('window.hacked')).toBeUndefined()
  await person.close()
})

test('T1: the first webhook is one click away from a fresh start', async () => {
  const begun = Date.now()
  const fresh = await startServer()
  try {
    const person = await sit(browser, fresh)
    const { page } = person
    await person.land('/start')
    await shoot(page, 'start')
    await person.press('button', 'Send first webhook')
    await page.getByText('Delivered', { exact: true }).waitFor()
    process.stdout.write(`T1: from the start of the program to the delivery in sight: ${((Date.now() - begun) / 1000).toFixed(1)} s\n`)
    expect(person.clicks()).toBe(1)
    await person.sees('It works.')
    await inAllColours(page, () => checkAccess(page))
    await shoot(page, 'start-delivered')
    const languages = page.getByLabel('Language')
    await expect.poll(() => languages.locator('option').count()).toBe(10)
    await person.sees(`${fresh.url}/api/v1/app/demo/msg`)
    // What is sent from elsewhere shows, too.
    await fresh.api('POST', '/api/v1/app/demo/msg', { eventType: 'from.code', payload: {} })
    await page.getByRole('link', { name: 'from.code' }).waitFor()
    await person.close()
  } finally {
    await fresh.stop()
  }
})

test('T2: from the overview to the verdict of what failed in two clicks', async () => {
  const person = await sit(browser, server)
  const { page } = person
  await person.land('/')
  await page.getByRole('table').getByRole('link', { name: path }).click()
  await page.getByRole('link', { name: 'bread.ready' }).last().click()
  await page.waitForURL(/\/messages\/msg_/)
  await person.close()
})

test('who has nothing yet is led through the steps', async () => {
  await server.api('DELETE', '/api/v1/app/demo')
  await server.api('DELETE', '/api/v1/app/outage')
  const person = await sit(browser, server)
  const { page } = person
  await person.land('/start')
  await person.press('button', 'Create “Demo”')
  await person.press('button', 'New endpoint')
  await page.getByRole('dialog').getByLabel(/^URL$/).fill(receiver.url)
  await person.press('button', 'Create endpoint')
  await person.press('button', 'Send first webhook')
  await page.getByText('Delivered', { exact: true }).waitFor()
  await person.close()
})

test('T2: an id that is pasted leads to its page without a click, from any screen', async () => {
  const fresh = await startServer()
  try {
    const app = await fresh.api<{ id: string }>('GET', '/api/v1/app/demo')
    const { id } = await fresh.api<{ id: string }>('POST', '/api/v1/app/demo/msg', { eventType: 'a.b', payload: {} })
    const attempt = await until('it was delivered', async () => (await fresh.api<{ data: { id: string; endpointId: string }[] }>('GET', `/api/v1/app/demo/attempt/msg/${id}`)).data[0])
    await fresh.api('POST', '/api/v1/event-type', { name: 'bread.ready', description: '' })
    await fresh.api('POST', '/api/v1/app', { name: 'One', uid: 'twice' })
    const other = await fresh.api<{ id: string }>('POST', '/api/v1/app', { name: 'Two', uid: 'other' })
    await fresh.api('POST', `/api/v1/app/other/endpoint`, { uid: 'twice', url: `${fresh.url}/inbox/demo` })
    const person = await sit(browser, fresh)
    const { page } = person
    const paste = async (words: string) => {
      await person.land('/tasks')
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page.evaluate((w) => navigator.clipboard.writeText(w), words)
      await strike(page, '/', page.locator('input[role=combobox]:focus'))
      await page.keyboard.press('Control+V')
    }
    for (const [words, place] of [
      [id, `/apps/${app.id}/messages/${id}`],
      [attempt.id, `/apps/${app.id}/messages/${id}?attempt=${attempt.id}`],
      [attempt.endpointId, `/apps/${app.id}/endpoints/${attempt.endpointId}`],
      [app.id, `/apps/${app.id}`],
      ['demo', `/apps/${app.id}`],
      ['bread.ready', '/event-types/bread.ready'],
    ] as const) {
      await paste(words)
      await page.waitForURL((url) => url.pathname + url.search === place)
      expect(person.clicks()).toBe(0)
    }
    // What means several things is listed, and the arrows choose.
    await paste('twice')
    const list = page.getByRole('listbox', { name: 'Found' })
    await list.getByRole('option').first().waitFor()
    await expect.poll(() => list.getByRole('option').count()).toBe(2)
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    await expect.poll(() => list.getByRole('option', { selected: true }).count()).toBe(1)
    await inAllColours(page, () => checkAccess(page))
    await shoot(page, 'search')
    await page.keyboard.press('Enter')
    await page.waitForURL(new RegExp(`/apps/(${other.id}/endpoints/ep_|app_)`))
    await paste('nothing-of-this-name')
    await person.sees('Nothing has this id or name.')
    await page.keyboard.press('Escape')
    await expect.poll(() => page.getByRole('combobox', { name: 'Search by id, name or URL' }).inputValue()).toBe('')
    expect(person.clicks()).toBe(0)
    await person.close()
  } finally {
    await fresh.stop()
  }
})

test('the keys are listed with "?", and "g" and a letter goes to a screen', async () => {
  const person = await sit(browser, server)
  const { page } = person
  await person.land('/apps')
  await page.getByRole('heading', { level: 1 }).waitFor()
  const dialog = page.getByRole('dialog', { name: 'Keyboard shortcuts' })
  await strike(page, '?', dialog)
  await inAllColours(page, () => checkAccess(page))
  await shoot(page, 'keyboard')
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  // The letters show for a while; who is slower than that begins again.
  await expect.poll(async () => {
    await page.keyboard.press('g')
    await page.getByRole('navigation', { name: 'Main' }).locator('kbd').first().waitFor()
    await page.keyboard.press('o')
    return page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor({ timeout: 3000 }).then(() => true, () => false)
  }).toBe(true)
  // In a field the letters are letters.
  await strike(page, '/', page.locator('input[role=combobox]:focus'))
  await page.keyboard.type('ga')
  await expect.poll(() => page.getByRole('combobox', { name: 'Search by id, name or URL' }).inputValue()).toBe('ga')
  await page.keyboard.press('Escape')
  // The theme and the time zone are remembered.
  await person.press('button', 'Theme')
  await person.press('menuitem', 'Dark')
  await expect.poll(() => page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark')
  await page.reload()
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
  expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark')
  await page.setViewportSize({ width: 360, height: 700 })
  await until('nothing is wider than a phone', () => page.evaluate(() => document.documentElement.scrollWidth <= 360))
  await shoot(page, 'overview-narrow')
  await person.close()
})

test('all pages stand still when asked to, until they are let go on', async () => {
  const person = await sit(browser, server)
  const { page } = person
  await page.clock.install({ time: Date.now() - 3_600_000 }) // what passes below is not in the future
  let asked = 0
  page.on('request', (r) => { if (r.url().includes('/x/v1/')) asked++ })
  await person.land('/')
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
  // minute lets one pass, in steps that leave time for answers, and says how much was asked.
  const minute = async () => {
    const before = asked
    for (let i = 0; i < 6; i++) {
      await page.clock.runFor(10_000)
      await person.rests()
    }
    return asked - before
  }
  await person.rests()
  expect(await minute()).toBeGreaterThan(0)
  await person.press('button', 'Live: pause all pages')
  expect(person.clicks()).toBe(1)
  await page.getByRole('button', { name: 'Paused: let pages go on' }).waitFor()
  await page.getByRole('status').filter({ hasText: 'Pages stand still.' }).waitFor({ state: 'attached' })
  expect(await minute()).toBe(0)
  await page.reload()
  await page.getByRole('button', { name: 'Paused: let pages go on' }).waitFor()
  await person.rests()
  expect(await minute()).toBe(0)
  await checkAccess(page)
  await shoot(page, 'overview-paused')
  await person.press('link', 'Live')
  await person.sees('Paused with all pages')
  await person.press('button', 'Go on')
  await page.getByRole('button', { name: 'Live: pause all pages' }).waitFor()
  await person.press('link', 'Overview')
  await person.rests()
  expect(await minute()).toBeGreaterThan(0)
  await person.close()
})

test('keys without Ctrl can be turned off, and stay off', async () => {
  const person = await sit(browser, server)
  const { page } = person
  await person.land('/apps')
  const dialog = page.getByRole('dialog', { name: 'Keyboard shortcuts' })
  await strike(page, '?', dialog)
  await dialog.getByRole('switch', { name: 'Keys without Ctrl' }).click()
  await shoot(page, 'keyboard-off')
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  await page.reload()
  const box = page.locator('input[role=combobox]:focus')
  // Ctrl K says that the page listens by now.
  await strike(page, 'Control+k', box)
  await page.keyboard.press('Escape')
  await box.waitFor({ state: 'hidden' })
  for (const key of ['/', '?', 'g']) await page.keyboard.press(key)
  expect(await box.count()).toBe(0)
  expect(await page.locator('dialog[open], nav kbd').count()).toBe(0)
  await person.press('button', 'Keyboard shortcuts')
  await dialog.getByRole('switch', { name: 'Keys without Ctrl' }).click()
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  await strike(page, '/', box)
  await person.close()
})
