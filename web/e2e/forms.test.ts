// What can be set by command can be set on the endpoint's page: credentials, order, consent, a token.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkAccess, hasFocus, inAllColours, launch, shoot, sit, type Person } from './browser'
import { certificate, identity } from './pem'
import { startReceiver, startServer, until, type Received, type Server } from './server'

const hostile = '"><img src=x onerror="window.hacked=1">'
let server: Server
let browser: Browser
let receiver: Awaited<ReturnType<typeof startReceiver>>
let opens = false // whether the token server knows the client
const answer = (r: Received) => {
  if (r.path !== '/token') return 200
  const headers = { 'Content-Type': 'application/json' }
  return opens ? { status: 200, headers, body: '{"access_token":"fresh","token_type":"Bearer","expires_in":3600}' } : { status: 401, headers, body: '{"error":"invalid_client"}' }
}
beforeAll(async () => {
  ;[server, browser, receiver] = await Promise.all([startServer(), launch(), startReceiver(answer)])
  await server.api('POST', '/api/v1/app', { name: 'Shop', uid: 'shop' })
})
afterAll(async () => {
  await browser?.close()
  await Promise.all([server?.stop(), receiver?.stop()])
})

const add = async () => (await server.api<{ id: string }>('POST', '/api/v1/app/shop/endpoint', { url: `${receiver.url}/hooks` })).id
const own = (id: string, what: string) => `/x/v1/app/shop/endpoint/${id}/${what}`
const credentials = (id: string) => server.api<Record<string, Record<string, unknown> | null>>('GET', own(id, 'credentials'))
const dialog = (person: Person) => person.page.getByRole('dialog')
const chip = (person: Person, name: string) => person.page.locator('.chip', { hasText: name })

/** begin opens the form of a credential that is not there yet. */
async function begin(person: Person, name: string) {
  await person.press('button', 'Set a credential')
  await person.press('menuitem', name)
  await dialog(person).getByRole('button', { name: 'Save' }).waitFor()
}
const save = (person: Person) => person.press('button', 'Save', dialog(person))

test('OAuth 2 is set, refused at its field, tested, changed and removed, and no secret is shown again', async () => {
  const id = await add()
  const person = await sit(browser, server)
  await person.land(`/apps/shop/endpoints/${id}?tab=access`)
  await begin(person, 'OAuth 2')
  expect(new URL(person.page.url()).searchParams.get('set')).toBe('oauth2')
  await person.fill('Token URL', 'nowhere')
  await person.fill('Client id', hostile)
  await person.fill('Client secret', 'top-secret-1')
  await save(person)
  await person.page.locator('.field', { hasText: 'Token URL' }).getByRole('alert').waitFor()
  await person.fill('Token URL', `${receiver.url}/token`)
  await person.fill('Scopes', 'events.write events.read')
  await person.page.getByText('More of the token request').click()
  await person.press('button', 'Add', dialog(person).getByRole('group', { name: 'Parameters' }))
  await person.fill('Name 1', 'api_token')
  await person.fill('Value 1', 'hidden-too')
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'endpoint-oauth')
  await save(person)
  await chip(person, 'OAuth 2').waitFor()
  await dialog(person).waitFor({ state: 'detached' })
  // The test says why, in the words of the token server.
  await person.press('button', 'Test')
  await person.sees('Not delivered.')
  await person.sees(/invalid_client/)
  await shoot(person.page, 'endpoint-oauth-refused')
  opens = true
  await until('the token is good', async () => {
    await person.press('button', 'Test')
    await person.page.locator('.note[role=status]').last().waitFor()
    return (await person.page.getByText('Delivered: the endpoint answered 200').count()) > 0
  }, 60)
  expect(receiver.got.at(-1)!.headers.authorization).toBe('Bearer fresh')
  expect(receiver.got.find((r) => r.path === '/token')!.body).toContain('api_token=hidden-too')
  // Another scope: the secrets stay.
  await person.press('button', 'Change: OAuth 2')
  expect(await person.page.getByLabel('Client secret').inputValue()).toBe('')
  await person.fill('Scopes', 'events.read')
  await save(person)
  await until('the scope', async () => String((await credentials(id)).oauth2?.scopes) === 'events.read')
  expect((await credentials(id)).oauth2).toMatchObject({ clientId: hostile, clientSecretSet: true, extraParams: { api_token: null } })
  expect(await person.page.content()).not.toMatch(/top-secret-1|hidden-too/)
  await dialog(person).waitFor({ state: 'detached' })
  // Another login takes its place, and says so before.
  await begin(person, 'Basic login')
  await person.sees('It takes the place of the login that is set.')
  await person.fill('User name', 'shop')
  await person.fill('Password', 'p')
  await save(person)
  await chip(person, 'Basic login').waitFor()
  expect((await credentials(id)).oauth2).toBeNull()
  await person.press('button', 'Remove: Basic login')
  await person.press('button', 'Remove', dialog(person))
  await person.sees('None: the signature alone.')
  expect(await person.page.evaluate('window.hacked')).toBeUndefined()
  await person.close()
})

test('a certificate, an authority, a second signature, a proxy and an address are set, and what is wrong is said', async () => {
  const id = await add()
  const person = await sit(browser, server)
  await person.land(`/apps/shop/endpoints/${id}?tab=access`)
  await begin(person, 'Client certificate')
  await person.fill('Certificate and private key', certificate)
  await save(person)
  await dialog(person).locator('.field').getByRole('alert').waitFor()
  await dialog(person).locator('input[type=file]').setInputFiles([{ name: 'client.pem', mimeType: 'text/plain', buffer: Buffer.from(identity) }])
  await until('the file was read', async () => (await person.page.getByLabel('Certificate and private key').inputValue()).includes('PRIVATE KEY'))
  await checkAccess(person.page)
  await shoot(person.page, 'endpoint-mtls')
  await save(person)
  await chip(person, 'Client certificate').waitFor()
  await person.sees(/CN=shop\.example/)
  expect(await person.page.content()).not.toContain('PRIVATE KEY-----')
  await dialog(person).waitFor({ state: 'detached' })

  await begin(person, 'Own authority')
  await person.fill('Certificates', certificate)
  await save(person)
  await chip(person, 'Own authority').waitFor()
  await dialog(person).waitFor({ state: 'detached' })

  await begin(person, 'Second signature')
  await person.page.getByLabel('Layout').selectOption('')
  await person.fill('Shared secret', 's3cret')
  await person.fill('What is signed', '{id}')
  await save(person)
  await dialog(person).locator('.field').getByRole('alert').first().waitFor()
  await checkAccess(person.page)
  await shoot(person.page, 'endpoint-hmac')
  await person.page.getByLabel('Layout').selectOption('github')
  await save(person)
  await chip(person, 'Second signature').waitFor()
  await dialog(person).waitFor({ state: 'detached' })

  await begin(person, 'Source address')
  await dialog(person).getByLabel('Source address').fill('203.0.113.7')
  await save(person)
  await person.sees(/the operator of this server offers none/)
  await person.page.keyboard.press('Escape')
  await dialog(person).waitFor({ state: 'detached' })
  await begin(person, 'Proxy')
  await dialog(person).getByRole('textbox', { name: 'Proxy' }).fill('ftp://example.com')
  await save(person)
  await dialog(person).locator('.field').getByRole('alert').waitFor()
  await person.page.keyboard.press('Escape')
  await dialog(person).waitFor({ state: 'detached' })
  expect(await credentials(id)).toMatchObject({ hmac: { preset: 'github' }, mtls: { isSet: true }, proxy: null, sourceAddress: null })
  await server.api('PUT', own(id, 'credentials'), { hmac: { preset: 'github' } })
  await server.api('POST', `/api/v1/app/shop/endpoint/${id}/msg/test-attempt`, { eventType: 'hookloft.ping', payload: {} })
  await until('a request with the second signature', () => String(receiver.got.at(-1)!.headers['x-hub-signature-256']).startsWith('sha256='))
  await person.close()
})

const form = (person: Person, heading: string) => person.page.locator('form, section').filter({ has: person.page.getByRole('heading', { name: heading, exact: true }) }).last()

test('order, the latest only, a token and consent are set on the settings, and what excludes each other is said', async () => {
  const id = await add()
  const person = await sit(browser, server)
  await person.land(`/apps/shop/endpoints/${id}?tab=settings`)
  const order = form(person, 'Order')
  await order.getByLabel('Messages go out').selectOption('line')
  await order.getByLabel('In order for each').fill('order..id')
  await order.getByLabel('Give one up after failures').fill('3')
  await person.press('button', 'Save', order)
  await order.locator('.field').getByRole('alert').waitFor()
  await order.getByLabel('In order for each').fill('order.id')
  await person.press('button', 'Save', order)
  await until('the order', async () => JSON.stringify(await server.api('GET', own(id, 'order')).catch(() => null)) === '{"key":"order.id","skipAfter":3,"batchSize":0,"maxWaitSecs":0,"lines":false}')
  await person.press('button', 'Try now', order)
  await person.sees('The first of each line is tried now.')
  await person.press('button', 'Skip the first', order)
  await person.press('button', 'Skip it', dialog(person))
  await person.sees('What stood first was given up.')

  const latest = form(person, 'Only the latest')
  await latest.getByLabel('Of messages that come close together').selectOption('last')
  await person.press('button', 'Save', latest)
  await latest.getByRole('alert').getByText('keeps an order').waitFor()
  await order.getByLabel('Messages go out').selectOption('none')
  await person.press('button', 'Save', order)
  await until('no order', async () => (await server.api('GET', own(id, 'order')).catch(() => null)) === null)
  await latest.getByLabel('Of messages that come close together').selectOption('last')
  await latest.getByLabel('Close together, in seconds').fill('90')
  await latest.getByLabel('Of the same').fill('product.id')
  await person.press('button', 'Save', latest)
  await until('the window', async () => (await server.api<{ windowSeconds: number; key: string }>('GET', own(id, 'latest'))).windowSeconds === 90)

  const request = form(person, 'Request')
  await request.getByLabel('Token of the receiver').selectOption('header')
  await request.getByLabel('Name of the token').fill('X-Receiver')
  await request.getByLabel('Value of the token').fill('open-sesame')
  await person.press('button', 'Save', request)
  await until('the token', async () => (await server.api<{ token: { isSet: boolean } | null }>('GET', own(id, 'request'))).token?.isSet === true)
  // The value that was saved is not kept in the page.
  await expect.poll(() => request.getByLabel('Value of the token').inputValue()).toBe('')
  await request.getByLabel('Time limit in seconds').fill('7')
  await person.press('button', 'Save', request)
  await until('the time limit', async () => (await server.api<{ timeoutSeconds: number }>('GET', own(id, 'request'))).timeoutSeconds === 7)
  expect(await person.page.content()).not.toContain('open-sesame')
  await server.api('POST', `/api/v1/app/shop/endpoint/${id}/msg/test-attempt`, { eventType: 'hookloft.ping', payload: {} })
  await until('a request with the token', () => receiver.got.at(-1)!.headers['x-receiver'] === 'open-sesame')

  const consent = form(person, 'Consent')
  await consent.getByText('It is not asked for').waitFor()
  await consent.getByLabel('How it is asked').selectOption('challenge')
  await person.press('button', 'Ask now', consent)
  await person.press('button', 'Ask now', dialog(person))
  await consent.getByText('It has not agreed yet').waitFor()
  await person.page.setViewportSize({ width: 1280, height: 2600 })
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'endpoint-settings-all')
  await until('it agrees', async () => {
    // A receiver is asked at most every two seconds.
    await consent.getByLabel('How it is asked').selectOption('test')
    await person.press('button', 'Ask now', consent)
    await consent.locator('button[aria-disabled]').waitFor({ state: 'detached' })
    return (await server.api<{ verified: boolean }>('GET', own(id, 'consent'))).verified
  }, 30)
  await consent.getByText('It agreed').waitFor()
  await person.press('button', 'Send without consent', consent)
  await person.press('button', 'Send without consent', dialog(person))
  await consent.getByText('It is not asked for').waitFor()
  expect(await server.api('GET', own(id, 'consent'))).toMatchObject({ required: false })
  await person.close()
})

const unsaved = 'There are changes that are not saved.'

test('what is typed while a form is saved stays and is called not saved, and the focus stays too', async () => {
  const id = await add()
  const person = await sit(browser, server)
  // hold keeps the next request that saves at a place until it is let go.
  const hold = async (place: string) => {
    let letGo = () => {}
    const gate = new Promise<void>((done) => { letGo = done })
    let came = () => {}
    const arrived = new Promise<void>((done) => { came = done })
    await person.page.route(place, async (route) => {
      if (route.request().method() === 'GET') return route.fallback()
      came()
      await gate
      await route.continue()
    })
    return { arrived, letGo: () => letGo(), end: () => person.page.unroute(place) }
  }
  const saves = (where: ReturnType<typeof form>) => where.getByRole('button', { name: 'Save', exact: true })
  // rests waits until a form is saved: its button takes no press, and nothing turns.
  const rests = (where: ReturnType<typeof form>) => expect.poll(async () => [await saves(where).isDisabled(), await where.locator('.spin').count(), await where.getByText(unsaved).count()]).toEqual([true, 0, 0])

  await person.land(`/apps/shop/endpoints/${id}?tab=settings`)
  const request = form(person, 'Request')
  const limit = request.getByLabel('Time limit in seconds')
  const success = request.getByLabel('Success')
  const timeout = async () => (await server.api<{ timeoutSeconds: number }>('GET', own(id, 'request'))).timeoutSeconds
  await limit.fill('7')
  const first = await hold('**/x/v1/**/request')
  await limit.press('Enter')
  await first.arrived
  await limit.fill('9')
  await success.fill('200, 2')
  const heard = person.page.waitForResponse((r) => r.request().method() === 'GET' && r.url().endsWith('/request'))
  first.letGo()
  await heard
  await request.locator('.spin').waitFor({ state: 'detached' })
  await person.page.keyboard.type('02')
  expect([await limit.inputValue(), await success.inputValue()]).toEqual(['9', '200, 202'])
  expect(await timeout()).toBe(7)
  await request.getByText(unsaved).waitFor()
  await shoot(person.page, 'form-typed-meanwhile')
  await first.end()
  // The button keeps the focus although it has nothing to do then.
  await saves(request).focus()
  await person.page.keyboard.press('Enter')
  await until('what was typed meanwhile', async () => (await timeout()) === 9)
  await rests(request)
  await hasFocus(saves(request))

  await person.land(`/apps/shop/endpoints/${id}?tab=access`)
  const headers = form(person, 'Headers')
  await person.press('button', 'Add', headers)
  await headers.getByLabel('Name 1').fill('X-Zone')
  await headers.getByLabel('Value 1').fill('a')
  const second = await hold('**/headers')
  await headers.getByLabel('Value 1').press('Enter')
  await second.arrived
  await person.page.keyboard.type('b')
  second.letGo()
  await until('the header', async () => JSON.stringify(await server.api('GET', `/api/v1/app/shop/endpoint/${id}/headers`)).includes('"X-Zone":"a"'))
  await headers.locator('.spin').waitFor({ state: 'detached' })
  await headers.getByText(unsaved).waitFor()
  await second.end()
  expect(await headers.getByLabel('Value 1').inputValue()).toBe('ab')
  await hasFocus(headers.getByLabel('Value 1'))
  await headers.getByLabel('Value 1').press('Enter')
  await rests(headers)
  await hasFocus(headers.getByLabel('Value 1'))

  await person.land('/apps/shop?tab=settings')
  const name = person.page.getByLabel('Name', { exact: true })
  const third = await hold('**/api/v1/app/*')
  await name.fill('Shop one')
  await name.press('Enter')
  await third.arrived
  await name.fill('Shop two')
  third.letGo()
  await person.page.getByRole('heading', { level: 1, name: 'Shop one' }).waitFor()
  await third.end()
  expect(await name.inputValue()).toBe('Shop two')
  await hasFocus(name)
  await person.sees(unsaved)
  await inAllColours(person.page, () => checkAccess(person.page))
  await name.press('Enter')
  await person.page.getByRole('heading', { level: 1, name: 'Shop two' }).waitFor()
  await expect.poll(() => person.page.getByText(unsaved).count()).toBe(0)
  await hasFocus(name)
  await person.close()
})
