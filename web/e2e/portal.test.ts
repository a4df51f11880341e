// What customers do in the portal: see their endpoints, add one and try it, read about events and what happened.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkAccess, inAllColours, launch, shoot, sit, type Person } from './browser'
import { startReceiver, startServer, until, type Server } from './server'

const hostile = '<img src=x onerror="window.hacked=1">'
let server: Server
let browser: Browser
let receiver: Awaited<ReturnType<typeof startReceiver>>
beforeAll(async () => {
  ;[server, browser, receiver] = await Promise.all([startServer(), launch(), startReceiver((r) => (r.path === '/broken' ? 500 : 200))])
  for (const name of ['invoice.paid', 'invoice.item.added', 'user.created', 'user.deleted']) {
    await server.api('POST', '/api/v1/event-type', {
      name, description: `Says ${name} ${hostile}`, groupName: null,
      schemas: {
        1: { type: 'object', required: ['id'], properties: { id: { type: 'string', description: 'Which one.' }, old: { type: 'string' } } },
        2: { type: 'object', required: ['id'], properties: { id: { type: 'integer', description: `Which one. ${hostile}` }, total: { type: 'number' } }, examples: [{ id: 12345678901234567890n.toString(), total: 1.5 }] },
      },
    })
  }
})
afterAll(async () => {
  await browser?.close()
  await Promise.all([server?.stop(), receiver?.stop()])
})

/** enter sits down as a customer of an application, with what the link grants. */
async function enter(app: string, place = '', grant: unknown = {}, options: Parameters<typeof sit>[2] = {}): Promise<Person> {
  const url = new URL((await server.api<{ url: string }>('POST', `/api/v1/auth/app-portal-access/${app}`, grant)).url)
  const person = await sit(browser, server, { ...options, token: null })
  const [path = '', query = ''] = place.split('?')
  await person.land(`${url.pathname}${path}${query ? `?${query}` : ''}${url.hash}`)
  return person
}
const application = async (uid: string) => {
  await server.api('POST', '/api/v1/app', { name: uid, uid })
  return uid
}
const endpoint = async (app: string, path = '/', more: object = {}) => (await server.api<{ id: string }>('POST', `/api/v1/app/${app}/endpoint`, { url: receiver.url + path, ...more })).id

test('an endpoint is added, tried, seen and connected', async () => {
  const app = await application('adds')
  const person = await enter(app)
  await person.sees('No endpoint yet')
  await shoot(person.page, 'portal-empty')
  await person.press('button', 'Add endpoint')
  await person.fill('URL', `${receiver.url}/mine`)
  await person.fill('Description', hostile)
  await person.page.getByRole('checkbox', { name: /^invoice/ }).check()
  await person.page.getByRole('checkbox', { name: 'deleted' }).check()
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'portal-new')
  await person.press('button', 'Create endpoint')
  await person.sees('Created:')
  await person.press('button', 'Send an example')
  await person.sees(/Delivered: your server answered 200/)
  await checkAccess(person.page)
  await shoot(person.page, 'portal-tried')
  expect(receiver.got.some((r) => r.path === '/mine' && r.headers['webhook-signature'])).toBe(true)
  await person.press('link', 'Verify signatures')
  await person.press('button', 'Reveal')
  const { key } = await server.api<{ key: string }>('GET', `/api/v1/app/${app}/endpoint/${await only(app)}/secret`)
  await person.sees(`new Webhook("${key}")`)
  await person.page.getByLabel('Language').selectOption('python')
  await person.sees(`Webhook("${key}")`)
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'portal-connect')
  await person.press('button', 'Hide')
  await person.sees('whsec_...')
  await person.press('link', 'Activity')
  await person.sees('Created')
  await until('it is counted', async () => (await server.api<{ total: { success: number } }>('GET', `/x/v1/app/${app}/endpoint/${await only(app)}/stats/series?period=minute`)).total.success > 0)
  await person.press('link', 'Endpoints')
  await person.sees(hostile)
  await until('the sparkline', async () => (await person.page.getByRole('img', { name: /100/ }).count()) > 0)
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'portal-endpoints')
  expect(await server.api('GET', `/api/v1/app/${app}/endpoint/${await only(app)}`)).toMatchObject({ eventTypes: ['invoice.item.added', 'invoice.paid', 'user.deleted'], description: hostile })
  expect(await person.page.evaluate('window.hacked')).toBeUndefined()
  await person.close()
})

const only = async (app: string) => (await server.api<{ data: { id: string }[] }>('GET', `/api/v1/app/${app}/endpoint`)).data[0]!.id

test('what the server refuses of an endpoint is said beside the field', async () => {
  const person = await enter(await application('refused'), '/endpoints/new')
  await person.fill('URL', 'https://user:pw@example.com/')
  await person.press('button', 'Create endpoint')
  const field = person.page.getByLabel('URL')
  await until('the field is marked', async () => (await field.getAttribute('aria-invalid')) === 'true')
  await person.close()
})

test('the catalogue says what an event carries and what changed, and sends it', async () => {
  const app = await application('reads')
  await endpoint(app, '/read')
  await endpoint(app, '/broken')
  const person = await enter(app, '/event-types')
  await person.sees('invoice.item.added')
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'portal-events')
  await person.press('link', 'invoice.paid')
  await person.sees('Changed since version 1')
  for (const words of [/breaking|break/i, 'always there', '12345678901234567890']) await person.sees(words)
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'portal-event')
  const to = person.page.getByLabel('Endpoint to send to')
  await to.selectOption({ label: `${receiver.url}/broken` })
  await person.press('button', 'Send an example')
  await person.sees(/^Not delivered/)
  await person.press('link', 'Version 1')
  await until('the older version', async () => (await person.page.getByText('Changed since version 1').count()) === 0)
  expect(await person.page.evaluate('window.hacked')).toBeUndefined()
  await person.close()
})

test('activity says what changed, and whose side did it', async () => {
  const app = await application('changes')
  const id = await endpoint(app, '/first')
  await server.api('PATCH', `/api/v1/app/${app}/endpoint/${id}`, { url: `${receiver.url}/second` })
  await server.api('POST', `/api/v1/app/${app}/endpoint/${id}/secret/rotate`, {})
  await server.api('PATCH', `/api/v1/app/${app}/endpoint/${id}`, { disabled: true })
  const person = await enter(app, '/activity')
  for (const words of ['Disabled', 'Secret rotated', `${receiver.url}/first`, 'The sender']) await person.sees(words)
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'portal-activity')
  await person.close()
})

test('a link leads to the place that it names, with the navigation hidden', async () => {
  const app = await application('leads')
  const id = await endpoint(app)
  const person = await enter(app, `?next=/endpoints/${id}&hideNavigation=true`)
  await person.page.getByRole('heading', { level: 1, name: receiver.url }).waitFor()
  expect(await person.page.getByRole('navigation', { name: 'Main' }).count()).toBe(0)
  await person.close()
})

// goTo goes to another place without loading the page anew: the heading in sight is another one then.
async function goTo(person: Person, place: string) {
  await person.page.evaluate(([to]) => {
    if (location.pathname === to) return
    document.querySelector('h1')!.dataset.left = 'yes'
    history.pushState({}, '', to)
    dispatchEvent(new PopStateEvent('popstate'))
  }, [`/app-portal${place}`])
  await person.page.locator('h1:not([data-left])').waitFor()
  await person.rests()
}

// Each capability with the buttons that are there with it and not without it. That the API refuses what they do is TestRoleByRoute's.
const shown: [capability: string, place: (id: string) => string, role: 'button' | 'link', name: string | RegExp][] = [
  ['ManageEndpoint', () => '/endpoints', 'button', 'Add endpoint'],
  ['ManageEndpoint', () => '/endpoints/new', 'button', 'Create endpoint'],
  ['ManageEndpoint', (id) => `/endpoints/${id}`, 'button', 'Pause'],
  ['CreateAttempts', (id) => `/endpoints/${id}`, 'button', 'Send example'],
  ['CreateAttempts', (id) => `/endpoints/${id}`, 'button', 'Replay'],
  ['CreateAttempts', () => '/event-types/invoice.paid', 'button', 'Send an example'],
  ['ViewEndpointSecret', () => '/connect', 'button', 'Reveal'],
]

test('what a capability does not give is not on the screen', async () => {
  const app = await application('may')
  const id = await endpoint(app)
  const all = ['ViewBase', 'ViewEndpointSecret', 'ManageEndpointSecret', 'ManageTransformations', 'CreateAttempts', 'ManageEndpoint']
  for (const missing of [undefined, ...new Set(shown.map(([c]) => c))]) {
    const person = await enter(app, '', { capabilities: all.filter((c) => c !== missing) })
    await person.sees(receiver.url)
    for (const [capability, place, role, name] of shown) {
      await goTo(person, place(id))
      const found = person.page.getByRole(role, { name, exact: typeof name === 'string' })
      if (capability === missing) expect(await found.count(), `${place(id)} without ${missing}`).toBe(0)
      else await found.first().waitFor()
    }
    await person.close()
  }
  const looks = await enter(app, '', { readOnly: true })
  await looks.sees(receiver.url)
  for (const [, place, role, name] of shown) {
    await goTo(looks, place(id))
    expect(await looks.page.getByRole(role, { name, exact: typeof name === 'string' }).count(), `${place(id)} read-only`).toBe(0)
  }
  await looks.close()
})

test('a portal sees nothing of another application', async () => {
  const other = await endpoint(await application('theirs'), '/theirs')
  const person = await enter(await application('ours'), `?next=/endpoints/${other}`)
  await person.sees('is not yours to see')
  await person.close()
})

test('every screen fits 320 pixels, also with longer words', async () => {
  const app = await application('narrow')
  const id = await endpoint(app, `/${'long'.repeat(40)}`, { description: 'word '.repeat(30) + 'w'.repeat(120) })
  const message = await server.api<{ id: string }>('POST', `/api/v1/app/${app}/msg`, { eventType: 'invoice.paid', payload: { id: 'x'.repeat(200) } })
  await until('an attempt', async () => (await server.api<{ data: unknown[] }>('GET', `/api/v1/app/${app}/attempt/msg/${message.id}`)).data.length > 0)
  const places = ['/messages', '/endpoints', '/endpoints/new', `/endpoints/${id}`, `/messages/${message.id}`, '/event-types', '/event-types/invoice.paid', '/activity', '/connect']
  for (const locale of ['en', 'pseudo']) {
    const person = await enter(app, `?locale=${locale}`, {}, { viewport: { width: 320, height: 640 } })
    await person.rests()
    for (const place of places) {
      await goTo(person, place)
      if (locale === 'en') await checkAccess(person.page)
      await expect.poll(() => overflowing(person.page), { message: `${place} in ${locale}` }).toEqual([])
      await shoot(person.page, `portal-320-${locale}${place.replaceAll('/', '-').slice(0, 24)}`)
    }
    await person.close()
  }
})

/** overflowing are the elements that stand out of the window, but for those inside a part that scrolls by itself. */
const overflowing = (page: Page) => page.evaluate(() => {
  const wide = document.documentElement.scrollWidth > innerWidth ? [`the page is ${document.documentElement.scrollWidth} wide`] : []
  const scrolls = (e: Element): boolean => {
    for (let at: Element | null = e; at; at = at.parentElement) {
      if (['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(at).overflowX) || at.classList.contains('sr-only')) return true
    }
    return false
  }
  const out = [...document.querySelectorAll('body *')].filter((e) => {
    const box = e.getBoundingClientRect()
    return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1) && !scrolls(e)
  })
  // Words that do not fit into their button or chip are cut.
  const cut = [...document.querySelectorAll('button, .chip, .tab')].filter((e) => e.scrollWidth > e.clientWidth + 1 && !scrolls(e))
  return [...wide, ...out.slice(0, 5).map((e) => `out: ${e.outerHTML.slice(0, 140)}`), ...cut.slice(0, 5).map((e) => `cut: ${e.outerHTML.slice(0, 140)}`)]
})
