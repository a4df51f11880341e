import { createServer, type AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkAccess, inAllColours, launch, shoot, sit, type Person } from './browser'
import { certificate, certificateName } from './certificate'
import { startReceiver, startServer, until, type Answer, type Received, type Server } from './server'

const script = '<script>window.hacked=1</script><img src=x onerror="window.hacked=1">'
const hostile = `${script} javascript:alert(1) \u202Egnp.exe \u001b[31mred\u001b[0m`

let server: Server
let browser: Browser
let receiver: Awaited<ReturnType<typeof startReceiver>>
let app: string
const endpoints: Record<string, string> = {}
let answer: (r: Received) => Answer = () => 200

type Made = { id: string }
const endpoint = async (name: string, url: string) => {
  endpoints[name] = (await server.api<Made>('POST', `/api/v1/app/${app}/endpoint`, { url, description: name })).id
}
// The body is text, because what JSON.stringify makes of 12345678901234567890 is another number.
const publish = async (payload: string, more = '', to = app): Promise<string> => {
  const response = await fetch(`${server.url}/api/v1/app/${to}/msg`, {
    method: 'POST', headers: { Authorization: `Bearer ${server.token}`, 'Content-Type': 'application/json' }, body: `{"eventType":"order.paid","payload":${payload}${more}}`,
  })
  expect(response.status).toBe(202)
  return ((await response.json()) as Made).id
}
type Listed = { data: { id: string; endpointId: string; status: number; hookloft: { n: number } }[] }
const attempts = (message: string, endpointId: string, n = 1, of = app) => until(`${n} attempts`, async () => {
  const { data } = await server.api<Listed>('GET', `/api/v1/app/${of}/attempt/msg/${message}?endpoint_id=${endpointId}`)
  // The first one comes first: whether another has followed depends on how busy the machine is.
  return data.length >= n && data.sort((a, b) => a.hookloft.n - b.hookloft.n)
})

beforeAll(async () => {
  ;[server, browser, receiver] = await Promise.all([startServer(), launch(), startReceiver((r) => answer(r))])
  app = (await server.api<Made>('POST', '/api/v1/app', { name: 'Shop', uid: 'shop' })).id
  const closed = createServer()
  await new Promise<void>((done) => closed.listen(0, '127.0.0.1', done))
  const { port } = closed.address() as AddressInfo
  await new Promise((done) => closed.close(done))
  await endpoint('good', `${receiver.url}/good`)
  await endpoint('bad', `${receiver.url}/bad`)
  await endpoint('moved', `${receiver.url}/moved`)
  await endpoint('closed', `http://127.0.0.1:${port}/nobody`)
  await endpoint('plain', `https://127.0.0.1:${new URL(receiver.url).port}/tls`)
  answer = ({ path }): Answer => {
    if (path === '/bad') return { status: 500, body: JSON.stringify({ error: hostile, big: 1 }).replace('1}', '12345678901234567890}'), headers: { 'X-Hostile': script, 'Content-Type': 'application/json' } }
    if (path === '/moved') return { status: 301, headers: { Location: '/moved-here' } }
    return 200
  }
})
afterAll(async () => {
  await browser?.close()
  await receiver?.stop()
  await server?.stop()
})

const safe = async (person: Person) => expect(await person.page.evaluate('window.hacked')).toBeUndefined()

test('T2: a pasted id shows without a click why a delivery failed', async () => {
  const message = await publish('{"order":{"id":123}}')
  const [failed] = await attempts(message, endpoints.bad!)
  const person = await sit(browser, server)
  for (const id of [failed!.id, message]) {
    await person.land('/apps')
    await person.fill('Search by id, name or URL', id)
    await person.page.getByRole('region', { name: 'What became of it' }).first().waitFor()
    await person.sees(/The receiver failed while it handled the request|Nothing is listening|handshake/)
    await person.sees('Next step:')
    expect(person.clicks()).toBe(0)
  }
  await person.close()
})

test('the page of a message: waterfall, payload with all digits, and nothing hostile runs', async () => {
  const message = await publish(`{"big":12345678901234567890,"huge":1e400,"same":1.10,"same":2,"text":${JSON.stringify(hostile)},"order":{"items":[{"id":7,"name":"Röstkaffee"}]}}`, `,"tags":["vip"],"channels":["eu"],"eventId":"order-${Date.now()}"`)
  for (const name of ['good', 'bad', 'moved', 'closed', 'plain']) await attempts(message, endpoints[name]!)
  const name = `${script} \u202Epohs ${'long-'.repeat(20)}`
  await server.api('PATCH', `/api/v1/app/${app}`, { name })
  const person = await sit(browser, server)
  await person.land(`/apps/${app}/messages/${message}`)
  // The way back names the application.
  const back = person.page.getByRole('navigation', { name: 'Back' }).getByRole('link').first()
  await expect.poll(() => back.textContent()).toBe(name.replace('\u202E', '\\u202e'))
  expect(await back.getAttribute('href')).toMatch(new RegExp(`apps/${app}$`))
  for (const words of ['12345678901234567890', '1e400', '1.10', 'vip', 'eu', 'order.paid']) await person.sees(words)
  await person.sees('\\u202egnp.exe')
  await person.sees(/Delivered to 1 of 5 endpoints/)
  await shoot(person.page, 'message')
  await inAllColours(person.page, () => checkAccess(person.page))

  await person.page.getByRole('searchbox', { name: 'Find in Payload' }).fill('rÖst')
  await person.sees('1 of 1')
  await person.page.getByRole('treeitem').filter({ hasText: 'Röstkaffee' }).hover()
  await person.press('button', 'Copy the path order.items[0].name')
  await expect.poll(() => person.page.evaluate('navigator.clipboard.readText()')).toBe('order.items[0].name')

  await person.press('button', 'View as table')
  await person.page.getByRole('table').first().waitFor()
  await shoot(person.page, 'message-table')
  await person.press('button', 'View as chart')
  await person.page.setViewportSize({ width: 400, height: 800 })
  await expect.poll(() => person.page.locator('.crumbs').evaluate((e) => e.scrollWidth - e.clientWidth)).toBe(0)
  await server.api('PATCH', `/api/v1/app/${app}`, { name: 'Shop' })
  await safe(person)
  await person.close()
})

test('an attempt over TLS: protocol and certificate, beside those of the last success', async () => {
  const secure = await startReceiver((r) => (r.body.includes('fine') ? 200 : 500), true)
  const vault = (await server.api<Made>('POST', '/api/v1/app', { name: 'Vault' })).id
  const at = (await server.api<Made>('POST', `/api/v1/app/${vault}/endpoint`, { url: `${secure.url}/tls` })).id
  const shown = async (payload: string) => {
    const message = await publish(payload, '', vault)
    const [attempt] = await attempts(message, at, 1, vault)
    return { message, attempt: attempt! }
  }
  const refused = await shown('{"fine":1}')
  await server.api('PUT', `/x/v1/app/${vault}/endpoint/${at}/credentials`, { ca: { cert: certificate } })
  expect((await shown('{"fine":2}')).attempt.status).toBe(0)
  const failed = await shown('{"n":3}')
  const person = await sit(browser, server)
  await person.land(`/apps/${vault}/messages/${refused.message}?attempt=${refused.attempt.id}`)
  const drawer = person.page.getByRole('dialog', { name: 'Attempt 1' })
  await drawer.getByText(/signed by an authority that is not trusted here/).first().waitFor()
  await drawer.getByText(certificateName, { exact: true }).first().waitFor()
  await shoot(person.page, 'attempt-certificate')
  await person.land(`/apps/${vault}/messages/${failed.message}?attempt=${failed.attempt.id}`)
  await drawer.getByText('HTTP/1.1, TLS 1.3').first().waitFor()
  await person.press('button', 'Compare with the last success', drawer)
  const facts = drawer.getByRole('table', { name: 'Facts' })
  await facts.getByRole('row', { name: 'Protocol HTTP/1.1, TLS 1.3 HTTP/1.1, TLS 1.3 same' }).waitFor()
  await facts.getByRole('row', { name: /Valid until 2120-01-01T00:00:00Z .* same/ }).waitFor()
  await safe(person)
  await person.close()
})

test('an attempt in full: request, answer, signature, comparison with the last success', async () => {
  const good = await publish('{"n":1}')
  answer = (() => { const before = answer; return (r) => (r.path === '/bad' && r.body.includes('"n":1}') ? { status: 200, headers: { 'X-Version': '1' } } : before(r)) })()
  await attempts(good, endpoints.bad!)
  await server.api('POST', `/api/v1/app/${app}/msg/${good}/endpoint/${endpoints.bad}/resend`)
  await until('a success', async () => (await attempts(good, endpoints.bad!)).some((a) => a.status === 0))
  const message = await publish('{"n":2}')
  const [failed] = await attempts(message, endpoints.bad!)
  const person = await sit(browser, server)
  await person.land(`/apps/${app}/messages/${message}`)
  await person.press('button', /Attempt 1: Failed, 500/)
  expect(person.clicks()).toBe(1)
  await person.page.waitForURL((url) => url.search.includes(`attempt=${failed!.id}`))
  const drawer = person.page.getByRole('dialog', { name: 'Attempt 1' })
  await drawer.getByText('webhook-id').waitFor()
  await drawer.getByText('12345678901234567890').waitFor()
  await drawer.getByText('\\u001b[31mred').first().waitFor()
  await drawer.getByText(script).first().waitFor()
  await person.press('button', 'Check the signature', drawer)
  await drawer.getByText('The signature fits body and secret').waitFor()
  await person.press('button', 'Copy as curl', drawer)
  await person.page.getByRole('dialog', { name: 'The request as a curl command' }).getByText(/curl .*127.0.0.1/s).first().waitFor()
  await person.page.keyboard.press('Escape')
  await person.press('button', 'Body', drawer)
  await drawer.getByRole('tree', { name: 'body of the request' }).waitFor()
  await shoot(person.page, 'attempt')
  await person.press('button', 'Compare with the last success', drawer)
  const facts = drawer.getByRole('table', { name: 'Facts' })
  await facts.getByRole('row', { name: /Status 500 200 differs/ }).waitFor()
  await drawer.getByRole('row', { name: /x-version – 1 differs/ }).waitFor()
  await drawer.getByRole('heading', { name: 'Last success' }).scrollIntoViewIfNeeded()
  await shoot(person.page, 'attempt-compare')
  await inAllColours(person.page, () => checkAccess(person.page))
  await person.page.keyboard.press('Escape')
  await drawer.waitFor({ state: 'detached' })
  await safe(person)
  await person.close()
})

test('a redirect is taken over as the URL, and a message is sent again', async () => {
  const message = await publish('{"n":3}')
  await attempts(message, endpoints.moved!)
  const person = await sit(browser, server)
  const [moved] = await attempts(message, endpoints.moved!)
  await person.land(`/apps/${app}/messages/${message}?attempt=${moved!.id}`)
  await person.press('button', 'Use the new URL')
  await person.sees(`${receiver.url}/moved-here`)
  await shoot(person.page, 'use-url')
  await person.press('button', 'Change the URL and resend')
  await until('the message at the new URL', () => receiver.got.some((r) => r.path === '/moved-here' && r.body === '{"n":3}'))
  await person.page.keyboard.press('Escape')

  const before = receiver.got.filter((r) => r.path === '/good').length
  await person.land(`/apps/${app}/messages/${message}`)
  await person.press('button', `Resend to ${receiver.url}/good`)
  await until('it came again', () => receiver.got.filter((r) => r.path === '/good').length > before)
  await person.press('button', 'Resend to all')
  await person.press('button', 'Resend to 5 endpoints')
  await person.sees('It is sent again to 5 endpoints now.')
  await person.press('button', 'More about the payload')
  await person.press('menuitem', 'Remove the content')
  await person.press('button', 'Remove the content')
  await person.sees(/The content is gone/)
  await person.close()
})

test('T9: the message with a value in its payload is found with one search', async () => {
  const wanted = await publish('{"order":{"id":12345678901234567891,"we.ird":"yes"},"items":[{"sku":"A-7"}]}')
  await publish('{"order":{"id":12345678901234567892}}')
  const person = await sit(browser, server)
  for (const [words, chip] of [['payload.order.id = 12345678901234567891', 'order.id = 12345678901234567891'], ['items[0].sku=A-7', 'items[0].sku = A-7'], ['order["we.ird"] = yes', 'order["we.ird"] = yes']] as const) {
    await person.land('/messages')
    await person.page.getByRole('row').nth(3).waitFor()
    await person.fill('Narrow the messages', words)
    await person.page.keyboard.press('Enter')
    await person.page.getByRole('button', { name: `Remove the filter ${chip}` }).waitFor()
    await person.sees('1 message loaded')
    await person.page.getByText(wanted).waitFor()
    expect(person.clicks()).toBe(0)
  }
  await person.fill('Narrow the messages', 'order..id = 1')
  await person.page.keyboard.press('Enter')
  await person.page.getByRole('alert').filter({ hasText: 'path' }).waitFor()

  await person.land(`/messages?app=${app}&type=order.paid,order.sent`)
  await person.sees(/messages? loaded/)
  await person.page.getByLabel('State', { exact: true }).selectOption('Failed, is tried again')
  await person.page.getByText(/^Retrying at [1-9] of 5$/).first().waitFor()
  await person.page.getByLabel('State', { exact: true }).selectOption('Failed for good')
  await person.page.getByRole('button', { name: 'Remove the filter state Failed for good' }).waitFor()
  await person.page.getByLabel('Time', { exact: true }).selectOption('Last hour')
  await person.page.waitForURL(/since=1h/)
  await person.close()
})

test('the log: narrowed, previewed, chosen by keyboard, sent again, exported', async () => {
  for (let i = 0; i < 30; i++) await publish(`{"i":${i},"big":12345678901234567890}`, `,"tags":["${i % 2 ? 'odd' : 'even'}"]`)
  const person = await sit(browser, server)
  const { page } = person
  await person.land('/apps')
  await person.press('link', 'Messages')
  await person.sees('order.paid')
  await page.goto(`${server.url}/messages?app=${app}`)
  const table = page.getByRole('table')
  await page.getByRole('button', { name: /^odd 1[0-9]/ }).click()
  await page.getByRole('button', { name: 'Remove the filter tag odd' }).waitFor()
  await page.waitForURL(/tag=odd/)
  await person.sees('15 messages loaded')
  await shoot(page, 'messages')
  await inAllColours(page, () => checkAccess(page))

  // By keyboard alone: to the table, down, select two, preview one.
  await page.getByRole('region', { name: 'Messages' }).focus()
  await page.keyboard.press('j')
  await page.keyboard.press('x')
  await page.keyboard.press('j')
  await page.keyboard.press('x')
  await person.sees('2 messages selected')
  await page.keyboard.press('Enter')
  await page.getByRole('complementary', { name: 'Preview' }).getByText('12345678901234567890').waitFor()
  await shoot(page, 'messages-preview')
  await checkAccess(page)
  const before = receiver.got.length
  await page.keyboard.press('r')
  await page.getByRole('dialog', { name: 'Resend 2 messages' }).waitFor()
  await page.getByRole('radio', { name: 'All endpoints that it went to' }).check()
  await person.press('button', 'Resend', page.getByRole('dialog'))
  await person.sees(/10 deliveries sent again/)
  await until('they came again', () => receiver.got.length > before + 2)
  await person.press('button', 'Close', page.getByRole('dialog').locator('footer'))

  const saved = page.waitForEvent('download')
  await person.press('button', 'Export')
  await person.press('button', 'Export', page.getByRole('dialog'))
  const file = await (await saved).createReadStream()
  let lines = ''
  for await (const chunk of file) lines += String(chunk)
  expect(lines.trim().split('\n').length).toBe(15)
  expect(lines).toContain('"big":12345678901234567890')

  await person.press('button', 'Views')
  await person.press('menuitem', 'Save these filters')
  await person.fill('Name of the view', 'Odd ones')
  await person.press('button', 'Save')
  await person.press('button', 'Remove the filter tag odd')
  await table.waitFor()
  await person.press('button', 'Views')
  await person.press('menuitem', 'Odd ones')
  await page.getByRole('button', { name: 'Remove the filter tag odd' }).waitFor()
  await person.fill('Narrow the messages', 'no.such.type')
  await page.keyboard.press('Enter')
  await person.sees('No message is like that')
  await person.close()
})

test('by keyboard alone: to an attempt and back; a long payload does not stop the page', async () => {
  const message = await publish(`{"text":"${'lorem ipsum '.repeat(25_000)}needle"}`)
  await attempts(message, endpoints.good!)
  const person = await sit(browser, server)
  const { page } = person
  await person.land(`/apps/${app}/messages/${message}`)
  const bar = page.getByRole('button', { name: /Attempt 1: Delivered, 200/ }).first() // which endpoint's does not matter
  await bar.focus()
  await page.keyboard.press('Enter')
  const drawer = page.getByRole('dialog', { name: 'Attempt 1' })
  await drawer.getByRole('heading', { name: 'Answer' }).waitFor()
  await page.keyboard.press('Escape')
  await drawer.waitFor({ state: 'detached' })
  await until('the focus is back', () => bar.evaluate((b) => b === b.ownerDocument.activeElement))
  const find = page.getByRole('searchbox', { name: 'Find in Payload' })
  await find.focus()
  await page.keyboard.type('needle')
  await person.sees('1 of 1')
  expect(person.clicks()).toBe(0)
  await person.close()
})
