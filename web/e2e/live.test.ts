import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkAccess, inAllColours, launch, shoot, sit, strike } from './browser'
import { startReceiver, startServer, until, type Server } from './server'

let server: Server
let browser: Browser
beforeAll(async () => {
  ;[server, browser] = await Promise.all([startServer(), launch()])
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
})

const send = (app: string, n: number, eventType = 'invoice.paid') => server.api<{ id: string }>('POST', `/api/v1/app/${app}/msg`, { eventType, payload: { n } })

test('T6: what happens is seen with one click, and a row leads to its message and its endpoint', async () => {
  const receiver = await startReceiver((r) => (JSON.parse(r.body).n % 3 === 0 ? 500 : 200))
  const app = await server.api<{ id: string }>('POST', '/api/v1/app', { name: 'Acme', uid: 'acme' })
  const hostile = `${receiver.url}/<img src=x onerror=window.hacked=1>`
  const endpoint = await server.api<{ id: string }>('POST', '/api/v1/app/acme/endpoint', { url: encodeURI(hostile) })
  await server.api('PUT', `/x/v1/app/acme/endpoint/${endpoint.id}/request`, { retrySchedule: [3600] }) // not while somebody looks
  const person = await sit(browser, server)
  await person.land('/apps')
  await person.press('link', 'Live')
  await person.page.getByRole('status').filter({ hasText: /^Live$/ }).waitFor()
  expect(person.clicks()).toBe(1)
  const rows = person.page.getByRole('region', { name: 'Live' }).locator('tbody tr')
  for (let n = 1; n <= 6; n++) await send('acme', n)
  await person.sees('Delivered')
  await person.sees('Retrying')
  await until('12 rows', async () => (await rows.count()) === 12)
  const links = await rows.locator('a').evaluateAll((all) => all.map((a) => a.getAttribute('href')))
  expect(links).toContain(`/apps/${app.id}/endpoints/${endpoint.id}`)
  expect(links.some((l) => l?.startsWith(`/apps/${app.id}/messages/msg_`) && l.includes('?attempt=atmpt_'))).toBe(true)
  await rows.first().getByRole('button').click()
  await expect.poll(async () => JSON.parse(await person.page.evaluate(() => navigator.clipboard.readText()))).toMatchObject({ appId: app.id, eventType: 'invoice.paid' })
  expect(await person.page.evaluate('window.hacked')).toBeUndefined()
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'live')
  await person.close()
})

test('a filter is in the address, is understood or refused in words, and "/" goes to it', async () => {
  const person = await sit(browser, server)
  await person.land('/live')
  await person.page.getByRole('status').filter({ hasText: /^Live$/ }).waitFor()
  await strike(person.page, '/', person.page.locator('main input:focus'))
  await person.page.keyboard.type('colour:red')
  await person.page.keyboard.press('Enter')
  await person.sees('"colour:red" is not understood')
  await checkAccess(person.page)
  await person.fill('Filter', 'type:order.* kind:message')
  await person.page.keyboard.press('Enter')
  await until('the address', () => person.page.url().includes('filter=type%3Aorder.*'))
  await person.page.getByRole('status').filter({ hasText: /^Live$/ }).waitFor()
  await send('demo', 1)
  await send('demo', 2, 'order.made')
  await person.page.getByRole('cell', { name: 'order.made', exact: true }).waitFor()
  await expect.poll(() => person.page.locator('tbody tr').count()).toBe(1)
  await person.fill('Filter', 'reason:because')
  await person.page.keyboard.press('Enter')
  await person.sees('must be a class of failures')
  await person.close()
})

test('it stands still while one scrolls or asks it to, and says what is new', async () => {
  const person = await sit(browser, server, { viewport: { width: 1280, height: 600 } })
  await person.land('/live?filter=kind:message')
  await person.page.getByRole('status').filter({ hasText: /^Live$/ }).waitFor()
  for (let n = 0; n < 20; n++) await send('demo', n)
  const rows = person.page.locator('tbody tr')
  await until('20 rows', async () => (await rows.count()) === 20)
  await person.page.getByRole('region', { name: 'Live' }).hover()
  await person.page.mouse.wheel(0, 200)
  await person.sees('Paused while you scroll')
  await send('demo', 1)
  await send('demo', 2)
  await person.sees('2 new rows: show')
  expect(await rows.count()).toBe(20)
  await person.press('button', /2 new rows/)
  await until('22 rows', async () => (await rows.count()) === 22)
  await rows.first().locator('code').first().dblclick()
  await person.sees('Paused while text is marked')
  await person.press('button', 'Go on')
  await person.press('button', 'Pause')
  await person.sees('Paused')
  await send('demo', 3)
  await person.sees('1 new row: show')
  await person.close()
})

test('after the server was away it goes on by itself', async () => {
  const person = await sit(browser, server)
  await person.land('/live')
  await person.page.getByRole('status').filter({ hasText: /^Live$/ }).waitFor()
  await person.page.context().setOffline(true)
  await person.page.route('**/x/v1/tail*', (route) => route.abort())
  await person.page.evaluate(() => dispatchEvent(new Event('offline')))
  await person.fill('Filter', 'kind:message')
  await person.page.keyboard.press('Enter')
  await person.sees('Connection lost; trying again')
  await person.page.unroute('**/x/v1/tail*')
  await person.page.context().setOffline(false)
  await person.page.getByRole('status').filter({ hasText: /^Live$/ }).waitFor()
  await person.close()
})

// wire stands between a page and the server, and can be cut.
async function wire(to: string) {
  const { hostname, port } = new URL(to)
  const open = new Set<Socket>()
  let isCut = false
  const between = createServer((near) => {
    if (isCut) {
      near.destroy()
      return
    }
    const far = connect(Number(port), hostname)
    for (const [one, other] of [[near, far], [far, near]] as const) {
      open.add(one)
      one.pipe(other)
      one.on('error', () => other.destroy()).on('close', () => { open.delete(one); other.destroy() })
    }
  })
  await new Promise<void>((done) => between.listen(0, '127.0.0.1', done))
  const cut = () => {
    isCut = true
    for (const s of open) s.destroy()
  }
  return {
    url: `http://127.0.0.1:${(between.address() as AddressInfo).port}`,
    cut,
    mend: () => { isCut = false },
    stop: () => { cut(); between.close() },
  }
}

test('what happened while the connection was cut comes once; what a restart made the server forget is said', async () => {
  const line = await wire(server.url)
  try {
    await server.api('POST', '/api/v1/app', { name: 'Cut', uid: 'cut' })
    const person = await sit(browser, { ...server, url: line.url })
    const { page } = person
    await person.land('/live?filter=app:cut')
    const status = (words: RegExp) => page.getByRole('status').filter({ hasText: words }).waitFor()
    const rows = page.locator('tbody tr')
    const seen = () => rows.locator('td:nth-child(3)').allTextContents()
    await status(/^Live$/)
    const names: string[] = []
    for (let n = 0; n < 2; n++) {
      names.unshift(`seen.${n}`)
      await send('cut', n, names[0]!)
      await expect.poll(seen, { timeout: 15_000 }).toEqual(names)
      line.cut()
      await status(/^Connection lost/)
      for (const k of [1, 2, 3]) {
        names.unshift(`missed.${n}.${k}`)
        await send('cut', n, names[0]!)
      }
      line.mend()
      await status(/^Live$/)
      await expect.poll(seen, { timeout: 15_000 }).toEqual(names)
    }
    expect(await page.getByText('What happened').count()).toBe(0)
    await server.restart()
    await person.sees(/^What happened between .* is not shown here/)
    await status(/^Live$/)
    names.unshift('after')
    await send('cut', 0, 'after')
    await expect.poll(seen, { timeout: 15_000 }).toEqual(names)
    await inAllColours(page, () => checkAccess(page))
    await shoot(page, 'live-gap')
    await page.getByRole('link', { name: 'Messages of that time' }).click()
    await page.getByRole('heading', { name: 'Messages', level: 1 }).waitFor()
    await person.close()
  } finally {
    line.stop()
  }
})
