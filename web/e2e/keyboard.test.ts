// T1 to T4 without a mouse: Tab, Enter, Escape and the shortcuts. Wherever the focus is, it is seen; where
// something opened is closed, it is back on what opened it.
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hasFocus, launch, shoot, sit, strike } from './browser'
import { startReceiver, startServer, until, type Server } from './server'

let server: Server
let browser: Browser
let receiver: Awaited<ReturnType<typeof startReceiver>>
let isDown = true
beforeAll(async () => {
  ;[server, browser, receiver] = await Promise.all([startServer(), launch(), startReceiver(() => (isDown ? 503 : 200))])
})
afterAll(async () => {
  await browser?.close()
  await receiver?.stop()
  await server?.stop()
})

// ring says what is wrong with how the focus shows: nothing has it, or what has it has no outline. An editor's is around its frame.
const ring = (page: Page) => page.evaluate(() => {
  const e = document.activeElement
  if (!e || e === document.body) return 'nothing has the focus'
  const { outlineStyle, outlineWidth } = getComputedStyle(e.closest('.cm-editor') ?? e)
  const box = e.getBoundingClientRect()
  if (outlineStyle === 'none' || parseFloat(outlineWidth) < 1) return `no outline: ${e.outerHTML.slice(0, 160)}`
  return box.width > 0 && box.height > 0 ? '' : `not in sight: ${e.outerHTML.slice(0, 160)}`
})

/** tabTo goes on with Tab until what is meant has the focus. Each step on the way is seen. */
async function tabTo(page: Page, role: Parameters<Page['getByRole']>[0], name: string | RegExp, within: Page | Locator = page): Promise<Locator> {
  const wanted = within.getByRole(role, { name, exact: typeof name === 'string' }).first()
  await wanted.waitFor()
  for (let step = 0; step < 150; step++) {
    if (await wanted.evaluate((e) => e === document.activeElement)) {
      await expect.poll(() => ring(page)).toBe('')
      return wanted
    }
    await page.keyboard.press('Tab')
    // Past the last thing of the page the browser's own are next: nothing of the page has the focus then.
    if (await page.evaluate(() => document.activeElement !== document.body)) expect(await ring(page)).toBe('')
  }
  throw new Error(`Tab does not lead to ${role} ${String(name)}`)
}
const enter = async (page: Page, ...what: Parameters<typeof tabTo> extends [Page, ...infer R] ? R : never) => {
  const found = await tabTo(page, ...what)
  await page.keyboard.press('Enter')
  return found
}

test('T1 by keyboard: the first webhook', async () => {
  const person = await sit(browser, server)
  const { page } = person
  await person.land('/')
  await page.getByRole('heading', { level: 1 }).waitFor()
  // The first Tab offers to skip the navigation.
  await page.keyboard.press('Tab')
  await enter(page, 'button', 'Skip to content')
  await hasFocus(page.locator('#content'))
  await expect.poll(async () => {
    await page.keyboard.press('g')
    await page.getByRole('navigation', { name: 'Main' }).locator('kbd').first().waitFor()
    await page.keyboard.press('h')
    return page.waitForURL(/\/start$/, { timeout: 3000 }).then(() => true, () => false)
  }).toBe(true)
  await enter(page, 'button', 'Send first webhook')
  await page.getByText('Delivered', { exact: true }).waitFor()
  await person.sees('It works.')
  await expect.poll(() => ring(page)).toBe('')
  await shoot(page, 'keyboard-start')
  expect(person.clicks()).toBe(0)
  await person.close()
})

test('T2 to T4 by keyboard: why it failed, send it again, rotate the secret', async () => {
  await server.api('POST', '/api/v1/app', { name: 'Shop', uid: 'shop' })
  const { id: endpoint } = await server.api<{ id: string }>('POST', '/api/v1/app/shop/endpoint', { url: `${receiver.url}/hook` })
  await server.api('PUT', `/x/v1/app/shop/endpoint/${endpoint}/request`, { retrySchedule: [] })
  const { id: message } = await server.api<{ id: string }>('POST', '/api/v1/app/shop/msg', { eventType: 'bread.ready', payload: { n: 1 } })
  const counted = (failed: number) => until('it is counted', async () => (await server.api<{ total: { failed: number } }>('GET', `/x/v1/app/shop/endpoint/${endpoint}/stats/series?period=minute`)).total.failed === failed)
  await counted(1)
  const person = await sit(browser, server)
  const { page } = person

  // T2: an id that is typed leads there; so does the way from the overview.
  await person.land('/apps')
  await page.getByRole('heading', { level: 1 }).waitFor()
  await strike(page, '/', page.locator('input[role=combobox]:focus'))
  expect(await ring(page)).toBe('')
  await page.keyboard.type(message)
  await page.waitForURL((url) => url.pathname.endsWith(message))
  await person.sees('Next step:')
  const bar = await enter(page, 'button', /^Attempt 1: Failed, 503/)
  const drawer = page.getByRole('dialog', { name: 'Attempt 1' })
  await drawer.getByText('Next step:').first().waitFor()
  await tabTo(page, 'button', 'Copy as curl', drawer)
  await shoot(page, 'keyboard-attempt')
  await page.keyboard.press('Escape')
  await drawer.waitFor({ state: 'detached' })
  await hasFocus(bar)

  await person.land('/')
  await enter(page, 'link', /\/hook$/, page.getByRole('table'))
  await page.waitForURL((url) => url.pathname.endsWith(endpoint))

  // T3.
  isDown = false
  const replay = await enter(page, 'button', 'Replay')
  const dialog = page.getByRole('dialog')
  await dialog.getByText('1 message would be sent again.').waitFor()
  await enter(page, 'button', 'Replay 1 message', dialog)
  await dialog.getByText('Finished').waitFor()
  await until('it came again', () => receiver.got.filter((r) => r.path === '/hook').length === 2)
  await expect.poll(() => page.evaluate(() => document.activeElement?.closest('dialog') !== null)).toBe(true) // the button is gone
  await expect.poll(() => ring(page)).toBe('')
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  await hasFocus(replay)

  // T4.
  const key = async () => (await server.api<{ key: string }>('GET', `/api/v1/app/shop/endpoint/${endpoint}/secret`)).key
  const before = await key()
  await enter(page, 'link', 'Secret', page.getByRole('navigation', { name: 'Endpoint', exact: true }))
  await enter(page, 'button', 'Rotate secret')
  await person.sees('Requests carry both signatures until')
  expect(await key()).not.toBe(before)
  await expect.poll(() => ring(page)).toBe('')
  expect(person.clicks()).toBe(0)
  await person.close()
})
