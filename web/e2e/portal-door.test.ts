// How people come into the portal: links of all kinds, looks, and other pages that show it in a frame.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkAccess, inAllColours, launch, shoot, sit } from './browser'
import { startOuters, type Outer } from './embed/outer'
import { startServer, until, type Server } from './server'

let server: Server
let browser: Browser
let allowed: Outer
let other: Outer
beforeAll(async () => {
  ;[allowed, other] = await startOuters()
  ;[server, browser] = await Promise.all([startServer(['--portal-origins', allowed.origin]), launch()])
})
afterAll(async () => {
  await browser?.close()
  await Promise.all([server?.stop(), allowed?.stop(), other?.stop()])
})

const link = async (body: unknown = {}) => (await server.api<{ url: string }>('POST', '/api/v1/auth/app-portal-access/demo', body)).url
/** below is a link without the server's part, with parameters. */
const below = async (query = '', body: unknown = {}) => {
  const url = new URL(await link(body))
  return url.pathname + query + url.hash
}
const colourOf = (page: Page, selector: string, property: string) => page.evaluate(([s, p]) => getComputedStyle(document.querySelector(s!)!).getPropertyValue(p!), [selector, property])

test('a link opens the portal, and its key leaves the address', async () => {
  const person = await sit(browser, server, { token: null })
  const url = await link()
  expect(url).toContain('/app-portal#key=')
  await person.land(new URL(url).pathname + new URL(url).hash)
  await person.sees('Endpoints')
  await person.page.waitForURL((url) => url.href === `${server.url}/app-portal/endpoints`)
  await inAllColours(person.page, () => checkAccess(person.page))
  await person.page.reload()
  await person.sees('/inbox/')
  await person.close()
})

test('links of earlier versions go on, with their parameters', async () => {
  const person = await sit(browser, server, { token: null })
  const old = new URL(await link())
  await person.land(`/login?darkMode=true&locale=en${old.hash}`)
  await person.sees('/inbox/')
  await expect.poll(() => person.page.evaluate(() => [location.pathname, location.search, location.hash, document.documentElement.dataset.theme])).toEqual(['/app-portal/endpoints', '', '', 'dark'])
  await person.close()
})

test('a one-time link opens the portal once', async () => {
  const { url } = await server.api<{ url: string }>('POST', '/x/v1/auth/one-time-token/demo', {})
  const place = new URL(url).pathname + new URL(url).hash
  const person = await sit(browser, server, { token: null })
  await person.land(place)
  await person.sees('/inbox/')
  const second = await sit(browser, server, { token: null })
  await second.land(place)
  await second.sees('This link opens nothing any more')
  await checkAccess(second.page)
  await shoot(second.page, 'portal-refused')
  await second.close()
  // Who follows it in the tab of the first visit is not let in as that visitor.
  await person.page.goto('about:blank')
  await person.land(place)
  await person.sees('This link opens nothing any more')
  await person.close()
})

test('who has no key, a broken one or an ended one reads why', async () => {
  for (const [place, words] of [['/app-portal', 'This page needs a link'], ['/app-portal#key=%%%', 'This link opens nothing any more'], [`/app-portal#key=${btoa('{"appId":"app_x","token":"hl_pk_wrong"}')}`, 'This page needs a link']] as const) {
    const person = await sit(browser, server, { token: null })
    await person.land(place)
    await person.sees(words)
    await person.close()
  }
})

test('looks come from the settings, and the link has the last word', async () => {
  await server.api('PATCH', '/api/v1/management/environment-settings', {
    displayName: 'Acme <b>Shop</b>', customColor: '#28bb93', customFontFamily: 'Acme Sans', customThemeOverride: { borderRadius: { button: 'full' }, fontSize: { base: 16 } },
    colorPaletteDark: { primary: '#ffb124', backgroundPrimary: '#102030', backgroundSecondary: '#182838', textPrimary: '#203040' },
    customLogoUrl: 'data:image/svg+xml,%3Csvg xmlns="http://www.w3.org/2000/svg" width="80" height="24"%3E%3Crect width="80" height="24" rx="6" fill="%2328bb93"/%3E%3C/svg%3E',
  })
  try {
    const person = await sit(browser, server, { token: null })
    await person.land(await below('?darkMode=false'))
    await person.sees('Acme <b>Shop</b>')
    await expect.poll(() => person.page.title()).toBe('Endpoints · Acme <b>Shop</b>')
    await expect.poll(() => person.page.evaluate(() => [getComputedStyle(document.documentElement).fontSize, getComputedStyle(document.documentElement).fontFamily])).toEqual(['16px', '"Acme Sans", system-ui, sans-serif'])
    await expect.poll(() => person.page.evaluate(() => document.querySelector<HTMLImageElement>('.portal-brand img')!.complete)).toBe(true)
    await checkAccess(person.page)
    await shoot(person.page, 'portal-brand')
    // The dark palette's text could not be read on its ground; it was made so.
    await person.page.goto('about:blank')
    await person.land(await below('?darkMode=true'))
    await person.sees('/inbox/')
    await checkAccess(person.page)
    await expect.poll(() => colourOf(person.page, 'html', 'background-color')).toBe('rgb(16, 32, 48)')
    await person.page.goto('about:blank')
    await person.land(await below('?primaryColorLight=aa0000&fontFamily=Courier&hideNavigation=true&noGutters=true&next=/nowhere&icon=javascript:alert(1)'))
    await person.sees('not yours to see')
    expect(await person.page.locator('.portal-bar').count()).toBe(0)
    await expect.poll(() => person.page.evaluate(() => [getComputedStyle(document.documentElement).getPropertyValue('--button'), location.search, location.pathname])).toEqual(['light-dark(#aa0000, #ffb124)', '', '/app-portal/nowhere'])
    await person.close()
  } finally {
    await server.api('PUT', '/api/v1/management/environment-settings', {})
  }
})

test("svix-react's AppPortal shows the portal, and its frame is as tall as the content", async () => {
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 } })
  const page = await context.newPage()
  await page.goto(allowed.page({ url: await link(), fullSize: true, darkMode: true, primaryColor: '#bb2893', fontFamily: 'Open Sans' }))
  const frame = page.frameLocator('iframe')
  await frame.getByRole('heading', { name: 'Endpoints' }).waitFor()
  await until('the least height', async () => (await page.locator('iframe').evaluate((f) => f.style.height)) === '650px')
  const inner = page.frames().find((f) => f.url().startsWith(server.url))!
  await expect.poll(() => inner.evaluate(() => [document.documentElement.dataset.theme, getComputedStyle(document.documentElement).getPropertyValue('--button'), location.hash])).toEqual(['dark', 'light-dark(#bb2893, #bb2893)', ''])
  // Content grows and shrinks; the frame follows both ways.
  await inner.evaluate(() => {
    const tall = document.createElement('div')
    tall.id = 'tall'
    tall.style.height = '3000px'
    document.querySelector('.page')!.append(tall)
  })
  const height = async () => parseInt(await page.locator('iframe').evaluate((f) => f.style.height))
  await until('a taller frame', async () => (await height()) > 3000)
  await inner.evaluate(() => document.getElementById('tall')!.remove())
  await until('a shorter frame', async () => (await height()) === 650)
  // Without fullSize it fills the box that it is given.
  await page.goto(allowed.page({ url: await link() }))
  await frame.getByRole('heading', { name: 'Endpoints' }).waitFor()
  await context.close()
})

test('a page of another origin shows nothing of the portal, and no page anything of the dashboard', async () => {
  const page = await browser.newPage()
  const refused: string[] = []
  page.on('console', (m) => { if (/frame-ancestors/.test(m.text())) refused.push(m.text()) })
  await page.goto(other.page({ url: await link() }))
  await until('the browser refuses', () => refused.length === 1)
  expect(await page.frameLocator('iframe').getByRole('heading', { name: 'Endpoints' }).count()).toBe(0)
  await page.goto(allowed.page({ url: `${server.url}/` }))
  await until('the browser refuses', () => refused.length === 2)
  await page.close()
})
