import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkAccess, inAllColours, launch, shoot, sit, type Person } from './browser'
import { startReceiver, startServer, until, type Received, type Server } from './server'

const hostile = '"><img src=x onerror="window.hacked=1">'
let server: Server
let browser: Browser
let receiver: Awaited<ReturnType<typeof startReceiver>>
let endpoint = ''
let breaks = true
const page = () => `/apps/shop/endpoints/${endpoint}`

const tabs = (person: Person) => person.page.getByRole('navigation', { name: 'Endpoint', exact: true })

// type replaces what the page's first editor holds, as a paste does.
async function type(person: Person, code: string) {
  await person.page.locator('.cm-content').first().focus()
  await person.page.keyboard.press('Control+A')
  await person.page.evaluate((words) => navigator.clipboard.writeText(words), code)
  await person.page.keyboard.press('Control+V')
}

beforeAll(async () => {
  ;[server, browser] = await Promise.all([startServer(), launch()])
  const answer = (r: Received) => {
    const n = (JSON.parse(r.body || '{}') as { n?: number }).n ?? 0
    return breaks && n % 5 === 3 ? { status: n % 2 ? 500 : 404, body: hostile } : { status: 200, wait: n % 7 ? 2 : 60 }
  }
  receiver = await startReceiver(answer)
  await server.api('POST', '/api/v1/app', { name: 'Shop', uid: 'shop' })
  await server.api('POST', '/api/v1/event-type', { name: 'order.paid', description: 'paid', schemas: { 1: { type: 'object', properties: { n: { type: 'integer' }, order: { type: 'string' } }, examples: [{ n: 1, order: 'ord_1' }] } } })
  const e = await server.api<{ id: string }>('POST', '/api/v1/app/shop/endpoint', { url: `${receiver.url}/${encodeURIComponent(hostile)}`, description: hostile })
  endpoint = e.id
  await server.api('PUT', `/x/v1/app/shop/endpoint/${endpoint}/request`, { retrySchedule: [] })
  for (let n = 0; n < 40; n++) await server.api('POST', '/api/v1/app/shop/msg', { eventType: 'order.paid', payload: { n, order: hostile } })
  await until('all attempts counted', async () => {
    const { total } = await server.api<{ total: { success: number; failed: number } }>('GET', `/x/v1/app/shop/endpoint/${endpoint}/stats/series?period=minute`)
    return total.success + total.failed === 40
  })
})
afterAll(async () => {
  await browser?.close()
  await receiver?.stop()
  await server?.stop()
})

test('T7: one click to the success rate and the percentiles of an endpoint', async () => {
  const person = await sit(browser, server)
  await person.land('/apps')
  await person.land(page())
  await person.press('button', '1 hour')
  await person.sees('80%')
  for (const name of ['p50', 'p95', 'p99']) {
    await expect.poll(() => person.page.locator('dl.tiles div', { hasText: name }).locator('dd').textContent()).toMatch(/ms|s$/)
  }
  expect(person.clicks()).toBeLessThanOrEqual(1)
  await person.sees(/answered|receiver/)
  expect(await person.page.evaluate('window.hacked')).toBeUndefined()
  await person.page.locator('.plot canvas').first().waitFor()
  await inAllColours(person.page, () => checkAccess(person.page))
  await person.page.setViewportSize({ width: 1280, height: 2300 })
  await shoot(person.page, 'endpoint-overview')
  await person.page.emulateMedia({ forcedColors: 'active' })
  await shoot(person.page, 'endpoint-overview-forced')
  await person.close()
})

test('charts are read by keyboard and as tables, and a part of them can be shown alone', async () => {
  const person = await sit(browser, server)
  const shown = () => new URL(person.page.url()).searchParams
  const readout = (words: RegExp) => person.page.locator('.figure-readout').filter({ hasText: words }).first().waitFor()
  await person.land(`${page()}?range=1h`)
  const plot = person.page.getByRole('group', { name: /attempts, 80% succeeded/ })
  await plot.focus()
  await person.page.keyboard.press('End')
  await readout(/: \d+ delivered, 0 tried again, \d+ failed for good/)
  await person.page.keyboard.press('Shift+ArrowLeft')
  await person.page.keyboard.press('Shift+ArrowLeft')
  await person.page.keyboard.press('Enter')
  await person.page.waitForURL(/since=.*until=/)
  expect(Date.parse(shown().get('until')!) - Date.parse(shown().get('since')!)).toBe(3 * 60_000)
  await person.sees('Attempts of this time')
  await person.page.goBack()
  await person.sees('Recent attempts')
  // The mouse does the same.
  await person.rests()
  const box = (await plot.boundingBox())!
  await person.page.mouse.move(box.x + box.width * 0.6, box.y + 60)
  await person.page.mouse.down()
  await person.page.mouse.move(box.x + box.width - 12, box.y + 80, { steps: 5 })
  await person.page.mouse.up()
  await person.page.waitForURL(/since=.*until=/)
  await person.press('button', '1 hour')
  // A cell of the strip: the newest one has the focus first.
  const strip = person.page.getByRole('group', { name: /failures in \d of \d+ periods/ })
  await strip.getByRole('button').last().focus()
  await person.page.keyboard.press('ArrowLeft')
  await person.page.keyboard.press('ArrowRight')
  await expect.poll(() => person.page.evaluate('document.activeElement.getAttribute("aria-label")')).toMatch(/many failures$|no traffic$/)
  await person.page.keyboard.press('Enter')
  await person.page.waitForURL(/since=.*until=/)
  await person.press('button', '1 hour')
  const map = person.page.getByRole('group', { name: /^Most answers/ })
  await map.focus()
  await person.page.keyboard.press('ArrowDown')
  await readout(/: \d+ answers? up to/)
  for (const name of ['Success over time', 'Attempts by outcome', 'Time to answer', 'How answers are spread']) {
    const figure = person.page.getByRole('figure', { name })
    await figure.getByRole('button', { name: 'View as table' }).press('Enter')
    await expect.poll(() => figure.getByRole('row').count()).toBeGreaterThan(10)
  }
  await checkAccess(person.page)
  await person.close()
})

test('T8: one click and a confirmation pause an endpoint, and nothing is lost', async () => {
  const person = await sit(browser, server)
  await person.land(page())
  await person.press('button', 'Pause')
  await person.sees('nothing is dropped')
  await shoot(person.page, 'endpoint-pause')
  await person.press('button', 'Pause endpoint')
  await person.page.getByRole('button', { name: 'Resume' }).waitFor()
  expect(person.clicks()).toBeLessThanOrEqual(2)
  await server.api('POST', '/api/v1/app/shop/msg', { eventType: 'order.paid', payload: { n: 100 } })
  await until('it waits', async () => (await server.api<{ waiting: number }>('GET', `/x/v1/app/shop/endpoint/${endpoint}/hold`)).waiting === 1)
  const before = receiver.got.length
  await person.press('button', 'Resume')
  await person.press('button', 'Resume endpoint')
  await until('it was sent', () => receiver.got.length > before)
  await person.page.getByRole('button', { name: 'Pause', exact: true }).waitFor()
  await person.close()
})

test('T10: two clicks send an example, which can be edited before', async () => {
  const person = await sit(browser, server)
  await person.land(page())
  await person.press('button', 'Send example')
  await person.page.locator('.cm-content').getByText('ord_1').waitFor()
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'endpoint-example')
  await person.press('button', 'Send', person.page.getByRole('dialog'))
  await person.sees('Delivered: the endpoint answered 200')
  expect(person.clicks()).toBeLessThanOrEqual(2)
  await until('the example', () => receiver.got.at(-1)!.body.replace(/\s/g, '') === '{"n":1,"order":"ord_1"}')
  // What is typed goes out as it is typed: JavaScript could not hold this number.
  await type(person, '{"n": 1, "id": 12345678901234567890}')
  await person.press('button', 'Send', person.page.getByRole('dialog'))
  await until('the edited one', () => receiver.got.at(-1)!.body === '{"n": 1, "id": 12345678901234567890}')
  await type(person, '{"n": ')
  await person.press('button', 'Send', person.page.getByRole('dialog'))
  await person.sees('The payload is no JSON')
  await person.close()
})

test('T3: three clicks replay the last hour, with the count before and the progress after', async () => {
  breaks = false
  const person = await sit(browser, server)
  await person.land(page())
  const clicksOnTheWay = 1 // the endpoint in its list
  await person.press('button', 'Replay')
  await person.sees('8 messages would be sent again.')
  await checkAccess(person.page)
  await shoot(person.page, 'endpoint-replay')
  const before = receiver.got.length
  await person.press('button', 'Replay 8 messages')
  await person.sees('Finished')
  expect(clicksOnTheWay + person.clicks()).toBeLessThanOrEqual(3)
  await person.page.waitForURL(/replay=qtask_/)
  await until('all were sent', () => receiver.got.length === before + 8)
  await shoot(person.page, 'endpoint-replay-done')
  // A slow one can be cancelled, and says so.
  await person.land(`${page()}?replay=ask`)
  await person.page.getByLabel('Which messages').selectOption('all')
  await person.fill('At most per second', '1')
  await person.press('button', /^Replay \d+ messages$/)
  await person.press('button', 'Cancel the task')
  await person.sees('Cancelled')
  await person.page.keyboard.press('Escape')
  await person.page.waitForURL((url) => url.search === '')
  await person.close()
})

test('T4: two clicks rotate the secret, and both signatures are sent meanwhile', async () => {
  const person = await sit(browser, server)
  const before = await server.api<{ key: string }>('GET', `/api/v1/app/shop/endpoint/${endpoint}/secret`)
  await person.land(page())
  await person.press('link', 'Secret', tabs(person))
  await person.sees('both signatures')
  await inAllColours(person.page, () => checkAccess(person.page))
  await person.press('button', 'Rotate secret')
  await person.sees('Requests carry both signatures until')
  expect(person.clicks()).toBeLessThanOrEqual(2)
  const after = await server.api<{ key: string }>('GET', `/api/v1/app/shop/endpoint/${endpoint}/secret`)
  expect(after.key).not.toBe(before.key)
  await person.sees(after.key)
  await shoot(person.page, 'endpoint-secret')
  await server.api('POST', `/api/v1/app/shop/endpoint/${endpoint}/msg/test-attempt`, { eventType: 'order.paid', payload: { n: 1 } })
  await until('both signatures', () => receiver.got.some((r) => r.body === '{"n":1}' && String(r.headers['webhook-signature']).split(' ').length === 2))
  await person.close()
})

test('T5: a transformation is tried on a message that came, in two clicks from it', async () => {
  const { data } = await server.api<{ data: { id: string }[] }>('GET', '/api/v1/app/shop/msg?limit=1')
  const person = await sit(browser, server)
  await person.land(`${page()}?tab=transformation&message=${data[0]!.id}`) // a message's "Open in the editor" leads here
  const clicksOnTheWay = 1
  await person.sees('0 of 1 message would be changed')
  await type(person, 'function handler(webhook) {\n  console.log("seen", webhook.eventType);\n  webhook.payload.added = "<b>x</b>";\n  return webhook;\n}')
  await person.press('button', 'Run')
  await person.sees('1 of 1 message would be changed')
  expect(clicksOnTheWay + person.clicks()).toBeLessThanOrEqual(2)
  await person.sees('/added')
  await person.sees('seen order.paid')
  await inAllColours(person.page, () => checkAccess(person.page))
  await person.page.setViewportSize({ width: 1280, height: 1900 })
  await shoot(person.page, 'endpoint-transformation')
  // What does not compile is refused with its line; what does is saved, and runs.
  await type(person, 'function handler(webhook) {\n  return webhook')
  await person.press('button', 'Save')
  await person.sees(/line \d/)
  await type(person, 'function handler(webhook) { webhook.payload = { made: true }; return webhook; }')
  await person.press('button', 'Save')
  await person.sees('The next attempt runs it')
  await server.api('POST', `/api/v1/app/shop/endpoint/${endpoint}/msg/test-attempt`, { eventType: 'order.paid', payload: { n: 1 } })
  await until('what it makes', () => receiver.got.some((r) => r.body === '{"made":true}'))
  await person.page.getByLabel('Run on').selectOption('last')
  await person.press('button', 'Run')
  await person.sees(/of 20 messages would be changed/)
  await person.close()
})

test('settings, headers and logins are changed, and what is refused is said at its field', async () => {
  const other = await server.api<{ id: string }>('POST', '/api/v1/app/shop/endpoint', { url: receiver.url, headers: { 'X-Plain': hostile, 'X-Auth-Token': 'hidden' } })
  const place = `/apps/shop/endpoints/${other.id}`
  const person = await sit(browser, server)
  await person.land(`${place}?tab=settings`)
  await person.fill(/^URL$/, 'nowhere')
  await person.press('button', 'Save', person.page.locator('form').first())
  await person.page.locator('.field .error').first().waitFor()
  await person.fill(/^URL$/, `${receiver.url}/new`)
  await person.fill('Description', hostile)
  await person.fill('Channels', 'one, two')
  await inAllColours(person.page, () => checkAccess(person.page))
  await person.page.setViewportSize({ width: 1280, height: 1700 })
  await shoot(person.page, 'endpoint-settings')
  await person.press('button', 'Save', person.page.locator('form').first())
  await person.sees('Saved.')
  await person.page.getByLabel('Retries').selectOption('no')
  await person.fill('Delays', '5s, 2m')
  await person.press('button', 'Save', person.page.locator('form').nth(2))
  await until('the schedule', async () => String((await server.api<{ retrySchedule: number[] }>('GET', `/x/v1/app/shop/endpoint/${other.id}/request`)).retrySchedule) === '5,120')
  await type(person, '{"event')
  await person.press('button', 'Save', person.page.locator('form').nth(1))
  await person.page.locator('.note.bad').first().waitFor()
  await type(person, '{"payload": {"n": {"$gt": 12345678901234567890}}}')
  await person.press('button', 'Save', person.page.locator('form').nth(1))
  await until('the filter', async () => (await server.api<{ filter: unknown }>('GET', `/x/v1/app/shop/endpoint/${other.id}/filter`)).filter !== null)
  const e = await server.api<{ channels: string[]; url: string; description: string }>('GET', `/api/v1/app/shop/endpoint/${other.id}`)
  expect(e).toMatchObject({ url: `${receiver.url}/new`, description: hostile, channels: ['one', 'two'] })

  await person.press('link', 'Headers and auth', tabs(person))
  await expect.poll(() => person.page.getByLabel('Value 1').inputValue()).toBe(hostile)
  await expect.poll(() => person.page.getByLabel('Value 2').getAttribute('placeholder')).toBe('set, and not shown')
  await person.press('button', 'Add')
  await person.fill('Name 3', 'X-New')
  await person.fill('Value 3', 'yes')
  await person.press('button', 'Remove X-Plain')
  await person.press('button', 'Save', person.page.locator('form').first())
  await until('the headers', async () => JSON.stringify(await server.api('GET', `/api/v1/app/shop/endpoint/${other.id}/headers`)) === '{"headers":{"X-New":"yes"},"sensitive":["X-Auth-Token"]}')
  await person.press('button', 'Set a credential')
  await person.press('menuitem', 'Bearer token')
  await person.fill(/^Token$/, 'letmein')
  await person.press('button', 'Save', person.page.getByRole('dialog'))
  await person.page.locator('.chip', { hasText: 'Bearer token' }).waitFor()
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'endpoint-access')
  await server.api('POST', `/api/v1/app/shop/endpoint/${other.id}/msg/test-attempt`, { eventType: 'order.paid', payload: {} })
  await expect.poll(() => receiver.got.at(-1)!.headers).toMatchObject({ authorization: 'Bearer letmein', 'x-new': 'yes', 'x-auth-token': 'hidden' })

  await person.press('link', 'Events', tabs(person))
  await person.page.getByRole('checkbox', { name: 'order.paid' }).check()
  await person.press('button', 'Save')
  await person.page.getByRole('link', { name: 'order.paid' }).waitFor()
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'endpoint-events')
  expect(await person.page.evaluate('window.hacked')).toBeUndefined()

  // It is deleted only by who types its host.
  await person.press('button', 'More')
  await person.press('menuitem', 'Delete')
  await expect.poll(() => person.page.getByRole('button', { name: 'Delete', exact: true }).isDisabled()).toBe(true)
  await person.fill(/^Type /, new URL(receiver.url).host)
  await person.press('button', 'Delete')
  await person.sees('The endpoint was deleted.')
  await person.close()
})

test('who may only look has no button that would be refused', async () => {
  const { environment } = await server.api<{ environment: { id: string } }>('GET', '/x/v1/whoami')
  const { token } = await server.api<{ token: string }>('POST', `/api/v1/management/authentication/${environment.id}/api-token`, { name: 'looks', scopes: ['*:read'] })
  const person = await sit(browser, server, { token })
  await person.land(page())
  await person.sees('Recent attempts')
  for (const name of ['Send example', 'Replay', 'Pause']) expect(await person.page.getByRole('button', { name, exact: true }).count()).toBe(0)
  await person.press('link', 'Settings', tabs(person))
  await person.page.getByLabel(/^URL$/).waitFor()
  expect(await person.page.getByRole('button', { name: 'Save' }).count()).toBe(0)
  await person.press('link', 'Secret', tabs(person))
  await person.sees('You may not see it.')
  expect(await person.page.getByRole('button', { name: 'Rotate secret' }).count()).toBe(0)
  await person.close()
})

test('P3: a customer does the same in the portal, as far as the token goes', async () => {
  const mine = await server.api<{ id: string }>('POST', '/api/v1/app/shop/endpoint', { url: `${receiver.url}/mine` })
  await server.api('PUT', `/x/v1/app/shop/endpoint/${mine.id}/credentials`, { bearer: { token: 'stays' } })
  const { token } = await server.api<{ token: string }>('POST', '/api/v1/auth/app-portal-access/shop', {})
  const person = await sit(browser, server, { token, viewport: { width: 320, height: 800 } })
  const place = `/app-portal/endpoints/${mine.id}`
  await person.land(place)
  await person.press('button', 'Send example')
  await person.page.locator('.cm-content').getByText('ord_1').waitFor()
  await person.press('button', 'Send', person.page.getByRole('dialog'))
  await person.sees('Delivered: the endpoint answered 200')
  await person.page.keyboard.press('Escape')
  await person.press('button', 'Replay')
  await person.sees('0 messages would be sent again.')
  await person.page.keyboard.press('Escape')
  // An API key beside a token that nobody is shown: the token stays.
  await person.land(`${place}?tab=access`)
  await person.press('button', 'Set a credential')
  await person.press('menuitem', 'API key')
  await person.fill(/^Name$/, 'X-Shop-Key')
  await person.fill(/^Value$/, 'k1')
  await person.press('button', 'Save', person.page.getByRole('dialog'))
  await person.page.locator('.chip', { hasText: 'API key' }).waitFor()
  await server.api('POST', `/api/v1/app/shop/endpoint/${mine.id}/msg/test-attempt`, { eventType: 'order.paid', payload: {} })
  await expect.poll(() => receiver.got.at(-1)!.headers).toMatchObject({ authorization: 'Bearer stays', 'x-shop-key': 'k1' })
  for (const tab of ['', '?tab=settings', '?tab=access', '?tab=transformation', '?tab=secret', '?tab=events']) {
    await person.land(place + tab)
    await person.page.locator('.tab-panel .card').first().waitFor()
    await expect.poll(() => person.page.evaluate('document.documentElement.scrollWidth - innerWidth'), { message: tab }).toBeLessThanOrEqual(0)
    await checkAccess(person.page)
  }
  await shoot(person.page, 'endpoint-portal-narrow')
  await person.close()
})
