import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkAccess, inAllColours, launch, shoot, sit } from './browser'
import { startServer, until, type Server } from './server'

let server: Server
let browser: Browser
const hostile = '<img src=x onerror="window.hacked=1">'
beforeAll(async () => {
  ;[server, browser] = await Promise.all([startServer(), launch()])
  await server.api('POST', '/api/v1/event-type', { name: 'invoice.paid', description: '' })
  await server.api('POST', '/api/v1/event-type', { name: 'invoice.sent', description: '' })
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
})

test('an application is made in the list, and its first endpoint on its page', async () => {
  const person = await sit(browser, server)
  const { page } = person
  await person.land('/apps')
  await person.press('button', 'New application')
  await person.fill(/^Name$/, 'Acme')
  await person.fill('Your id', 'not an id!')
  await person.press('button', 'Create application')
  await page.getByRole('alert').first().waitFor()
  await inAllColours(page, () => checkAccess(page))
  await person.fill('Your id', 'acme')
  await person.press('button', 'Create application')
  await person.sees('No endpoint yet')
  await checkAccess(page)
  await person.press('button', 'New endpoint')
  await person.fill(/^URL$/, `${server.url}/inbox/demo`)
  await page.getByLabel('invoice.paid').check()
  await inAllColours(page, () => checkAccess(page))
  await shoot(page, 'application-new-endpoint')
  await person.press('button', 'Create endpoint')
  await page.waitForURL(/\/apps\/app_[^/]+\/endpoints\/ep_/)
  const { data } = await server.api<{ data: { url: string; eventTypes: string[] }[] }>('GET', '/api/v1/app/acme/endpoint')
  expect(data).toMatchObject([{ url: `${server.url}/inbox/demo`, eventTypes: ['invoice.paid'] }])
  await person.close()
})

test('the endpoints of an application show their state', async () => {
  await server.api('POST', '/api/v1/app', { name: 'States', uid: 'states' })
  for (const [uid, more] of [['on', {}], ['off', { disabled: true }], ['held', {}]] as const) {
    await server.api('POST', '/api/v1/app/states/endpoint', { uid, url: `${server.url}/inbox/demo?${uid}`, description: hostile, ...more })
  }
  await server.api('POST', '/x/v1/app/states/endpoint/held/pause', {})
  const person = await sit(browser, server)
  await person.land('/apps/states')
  for (const [uid, state] of [['on', 'Active'], ['off', 'Disabled'], ['held', 'Paused']]) {
    await person.page.getByRole('row').filter({ hasText: `?${uid}` }).getByText(state!).waitFor()
  }
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'application-endpoints')
  await person.page.setViewportSize({ width: 360, height: 700 })
  await expect.poll(() => person.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
  expect(await person.page.evaluate('window.hacked')).toBeUndefined()
  await person.close()
})

test('T12: the portal opens in one click, to look at; the code that makes its link is beside it', async () => {
  const person = await sit(browser, server)
  const { page } = person
  await person.land('/apps/demo?tab=portal')
  await person.sees('Preview as customer')
  await inAllColours(page, () => checkAccess(page))
  await shoot(page, 'application-portal')
  const [portal] = await Promise.all([page.context().waitForEvent('page'), person.press('button', 'Preview as customer')])
  expect(person.clicks()).toBe(1)
  await portal.waitForURL(/#key=|app-portal/)
  const link = await page.getByRole('link', { name: 'Open it here if it is not' }).getAttribute('href')
  const { token } = JSON.parse(atob(new URL(link!).hash.replace('#key=', ''))) as { token: string }
  const may = (path: string, method = 'GET') => fetch(server.url + path, { method, headers: { Authorization: `Bearer ${token}` } }).then((r) => r.status)
  expect(await may('/api/v1/app/demo/endpoint')).toBe(200)
  expect(await may('/api/v1/app/demo/endpoint/inbox', 'DELETE')).toBe(403)
  await portal.close()
  const languages = page.getByLabel('Language')
  await expect.poll(() => languages.locator('option').allTextContents()).toEqual(['JavaScript', 'Python', 'Go', 'Java', 'Kotlin', 'Ruby', 'C#', 'PHP', 'Rust'])
  await languages.selectOption('Python')
  await person.sees('app_portal_access("demo"')
  await person.close()
})

test('settings are saved, an application is paused and resumed, and what changed is under Activity', async () => {
  await server.api('POST', '/api/v1/app', { name: 'Before', uid: 'changing', metadata: { plan: 'small' } })
  await server.api('POST', '/api/v1/app/changing/endpoint', { uid: 'e', url: `${server.url}/inbox/demo` })
  const person = await sit(browser, server)
  const { page } = person
  await person.land('/apps/changing?tab=settings')
  await person.fill(/^Name$/, hostile)
  await page.getByLabel('Rate limit').fill('25')
  await person.press('button', 'Add a value')
  await page.getByLabel('Name of a value').last().fill('region')
  await page.getByLabel('Value', { exact: true }).last().fill('eu')
  await inAllColours(page, () => checkAccess(page))
  await shoot(page, 'application-settings')
  await person.press('button', 'Save')
  await person.sees('Saved.')
  await expect.poll(() => server.api('GET', '/api/v1/app/changing')).toMatchObject({ name: hostile, throttleRate: 25, metadata: { plan: 'small', region: 'eu' } })

  await person.press('button', 'Pause')
  await page.getByLabel('Why').fill('their database moves')
  await person.press('button', 'Pause', page.getByRole('dialog'))
  await person.sees('their database moves')
  await server.api('POST', '/api/v1/app/changing/msg', { eventType: 'invoice.paid', payload: {} })
  await person.press('button', 'Resume')
  await person.press('button', 'Resume', page.getByRole('dialog'))
  await until('the application is resumed', async () => (await server.api('GET', '/x/v1/app/changing/hold')).state === 'open')
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor()

  await person.press('link', 'Activity', page.getByRole('navigation', { name: 'Of this application' }))
  const renamed = page.getByRole('row').filter({ hasText: 'throttleRate' })
  await renamed.getByText(/Before$/).waitFor()
  await renamed.getByText(hostile).waitFor()
  await page.getByRole('row').filter({ hasText: 'endpoint created' }).first().waitFor()
  await expect.poll(() => page.getByRole('row').filter({ hasText: 'application created' }).count()).toBe(1)
  await inAllColours(page, () => checkAccess(page))
  await shoot(page, 'application-activity')
  await person.press('link', 'Messages', page.getByRole('navigation', { name: 'Of this application' }))
  await page.getByRole('link', { name: 'invoice.paid' }).waitFor()
  await checkAccess(page)
  expect(await page.evaluate('window.hacked')).toBeUndefined()
  await person.close()
})

test('an application is deleted by who types its name, and no other', async () => {
  await server.api('POST', '/api/v1/app', { name: 'Gone', uid: 'gone' })
  const person = await sit(browser, server)
  const { page } = person
  await person.land('/apps/gone?tab=settings')
  await person.press('button', 'Delete application')
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('textbox').fill('gone')
  await person.press('button', 'Delete application', dialog)
  await dialog.getByRole('alert').waitFor()
  await dialog.getByRole('textbox').fill('Gone')
  await person.press('button', 'Delete application', dialog)
  await page.waitForURL(/\/apps$/)
  await page.getByRole('heading', { name: 'Applications' }).waitFor()
  await expect(server.api('GET', '/api/v1/app/gone')).rejects.toThrow('404')
  await person.close()
})
