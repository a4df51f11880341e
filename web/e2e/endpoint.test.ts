import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkAccess, inAllColours, launch, shoot, sit } from './browser'
import { startReceiver, startServer, until, type Received, type Server } from './server'

const hostile = '"><img src=x onerror="window.hacked=1">'
let server: Server
let browser: Browser
let receiver: Awaited<ReturnType<typeof startReceiver>>
let endpoint = ''
const breaks = true
const page = () => `/apps/shop/endpoints/${endpoint}`

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
    expect(await person.page.locator('dl.tiles div', { hasText: name }).locator('dd').textContent()).toMatch(/ms|s$/)
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
