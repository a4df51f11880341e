// What customers do in the portal: see their endpoints, add one and try it, read about events and what happened.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkAccess, inAllColours, launch, shoot, sit, type Person } from './browser'
import { overflowing } from './room'
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

const capabilities = ['ViewBase', 'ViewEndpointSecret', 'ManageEndpointSecret', 'ManageTransformations', 'CreateAttempts', 'ManageEndpoint'] as const
type Capability = (typeof capabilities)[number]

// What is on the portal's screens, the capability that it needs, and the request behind it. The one table says what is shown
// with each grant, and what the API refuses without it. E and M stand for the endpoint and a message of it.
const matrix: { need: Capability; place: string; role: 'button' | 'link'; name: string | RegExp; ask: [method: string, path: string, body?: unknown] }[] = [
  { need: 'ViewBase', place: '/endpoints', role: 'link', name: /\/theirs$/, ask: ['GET', '/api/v1/app/may/endpoint'] },
  { need: 'ViewBase', place: '/messages/M', role: 'link', name: /\/theirs$/, ask: ['GET', '/api/v1/app/may/msg'] },
  { need: 'ManageEndpoint', place: '/endpoints', role: 'button', name: 'Add endpoint', ask: ['POST', '/api/v1/app/may/endpoint', { url: 'https://example.com' }] },
  { need: 'ManageEndpoint', place: '/endpoints/new', role: 'button', name: 'Create endpoint', ask: ['PUT', '/api/v1/app/may/endpoint/another', { url: 'https://example.com' }] },
  { need: 'ManageEndpoint', place: '/endpoints/E', role: 'button', name: 'Pause', ask: ['POST', '/x/v1/app/may/endpoint/E/pause', {}] },
  { need: 'ManageEndpoint', place: '/endpoints/E?tab=settings', role: 'button', name: 'Save', ask: ['PATCH', '/api/v1/app/may/endpoint/E', { description: 'x' }] },
  { need: 'ManageEndpoint', place: '/endpoints/E?tab=settings', role: 'button', name: 'Ask now', ask: ['POST', '/x/v1/app/may/endpoint/E/consent', {}] },
  { need: 'ManageEndpoint', place: '/endpoints/E?tab=access', role: 'button', name: 'Set a credential', ask: ['PUT', '/x/v1/app/may/endpoint/E/credentials', { bearer: { token: 'x' } }] },
  { need: 'ManageEndpoint', place: '/endpoints/E?tab=access', role: 'button', name: 'Save', ask: ['PATCH', '/api/v1/app/may/endpoint/E/headers', { headers: { 'X-A': 'b' } }] },
  { need: 'ManageEndpoint', place: '/endpoints/E?tab=events', role: 'button', name: 'Save', ask: ['PATCH', '/api/v1/app/may/endpoint/E', { eventTypes: ['invoice.paid'] }] },
  { need: 'ManageTransformations', place: '/endpoints/E?tab=transformation', role: 'button', name: 'Save', ask: ['PATCH', '/api/v1/app/may/endpoint/E/transformation', { enabled: false }] },
  { need: 'ManageEndpointSecret', place: '/endpoints/E?tab=secret', role: 'button', name: 'Rotate secret', ask: ['POST', '/api/v1/app/may/endpoint/E/secret/rotate', {}] },
  { need: 'ViewEndpointSecret', place: '/endpoints/E?tab=secret', role: 'button', name: 'Reveal', ask: ['GET', '/api/v1/app/may/endpoint/E/secret'] },
  { need: 'ViewEndpointSecret', place: '/connect', role: 'button', name: 'Reveal', ask: ['GET', '/api/v1/app/may/endpoint/E/secret'] },
  { need: 'CreateAttempts', place: '/endpoints/E', role: 'button', name: 'Send example', ask: ['POST', '/api/v1/app/may/endpoint/E/msg/test-attempt', { eventType: 'invoice.paid', payload: {} }] },
  { need: 'CreateAttempts', place: '/endpoints/E', role: 'button', name: 'Replay', ask: ['POST', '/x/v1/app/may/endpoint/E/replay', { since: '2026-01-01T00:00:00Z', dryRun: true }] },
  { need: 'CreateAttempts', place: '/event-types/invoice.paid', role: 'button', name: 'Send an example', ask: ['POST', '/api/v1/app/may/endpoint/E/send-example', { eventType: 'invoice.paid' }] },
  { need: 'CreateAttempts', place: '/messages/M', role: 'button', name: /^Resend/, ask: ['POST', '/api/v1/app/may/msg/M/endpoint/E/resend'] },
]

/** asks calls the API with a portal's token and returns the status. */
async function asks(token: string, [method, path, body]: [string, string, unknown?]): Promise<number> {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
  return (await fetch(server.url + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) })).status
}

test('what a grant does not allow is not on the screen, and refused by the API', async () => {
  const app = await application('may')
  const id = await endpoint(app, '/theirs')
  const message = await server.api<{ id: string }>('POST', `/api/v1/app/${app}/msg`, { eventType: 'invoice.paid', payload: { id: 1 } })
  await until('an attempt', async () => (await server.api<{ data: unknown[] }>('GET', `/api/v1/app/${app}/attempt/msg/${message.id}`)).data.length > 0)
  const filled = (words: string) => words.replace(/\/E(?=$|[/?])/, `/${id}`).replace(/\/M(?=$|[/?])/, `/${message.id}`)
  const person = await sit(browser, server, { token: null })
  const { page } = person
  const goTo = async (place: string) => {
    await page.evaluate(([p]) => { history.pushState({}, '', `/app-portal${p}`); dispatchEvent(new PopStateEvent('popstate')) }, [filled(place)])
    await page.waitForURL((u) => u.pathname + u.search === `/app-portal${filled(place)}`)
    await page.getByRole('heading', { level: 1 }).or(page.getByRole('alert')).first().waitFor()
    await page.waitForLoadState('networkidle')
  }
  // with looks at the rows of the needs that are asked for, as one grant shows them.
  const grantWith = async (body: object, has: (c: Capability) => boolean, needs: readonly Capability[]) => {
    const { url, token } = await server.api<{ url: string; token: string }>('POST', `/api/v1/auth/app-portal-access/${app}`, body)
    await page.goto('about:blank')
    await person.land(new URL(url).pathname + new URL(url).hash)
    await page.getByRole('navigation', { name: 'Main' }).waitFor()
    const rows = matrix.filter((r) => needs.includes(r.need))
    for (const place of new Set(rows.map((r) => r.place))) {
      await goTo(place)
      for (const r of rows.filter((x) => x.place === place)) {
        const found = page.getByRole(r.role, { name: r.name, exact: typeof r.name === 'string' })
        if (has(r.need)) await found.first().waitFor()
        else expect(await found.count(), `${r.name} at ${place} with ${JSON.stringify(body)}`).toBe(0)
      }
    }
    for (const r of rows.filter((x) => !has(x.need))) {
      expect(await asks(token, [r.ask[0], filled(r.ask[1]), r.ask[2]]), `${r.ask[0]} ${r.ask[1]} with ${JSON.stringify(body)}`).toBe(403)
    }
  }
  await grantWith({}, () => true, capabilities)
  for (const missing of capabilities) await grantWith({ capabilities: capabilities.filter((c) => c !== missing) }, (c) => c !== missing, [missing])
  await grantWith({ readOnly: true }, (c) => c === 'ViewBase', capabilities)
  await server.api('PATCH', '/api/v1/management/environment-settings', { readOnly: true })
  try {
    await grantWith({}, (c) => c === 'ViewBase' || c === 'ViewEndpointSecret', capabilities)
  } finally {
    await server.api('PATCH', '/api/v1/management/environment-settings', { readOnly: false })
  }
  await person.close()
})

test('what the product keeps from its portal, and what a flag gives, is on the screen or not', async () => {
  const app = await application('flags')
  const id = await endpoint(app)
  await server.api('POST', '/api/v1/event-type', { name: 'beta.thing', description: 'A thing', featureFlags: ['beta'] })
  const off = { enableTransformations: false, enableEndpointOauthConfig: false, enableEndpointMtlsConfig: false, enableChannels: false }
  for (const isOff of [false, true]) {
    if (isOff) await server.api('PATCH', '/api/v1/management/environment-settings', off)
    try {
      const person = await enter(app, `?next=${encodeURIComponent(`/endpoints/${id}?tab=access`)}`, isOff ? {} : { featureFlags: ['beta'] })
      const has = async (role: 'link' | 'menuitem' | 'textbox', name: string, isThere: boolean) => {
        const found = person.page.getByRole(role, { name, exact: true })
        if (isThere) await found.first().waitFor()
        else expect(await found.count(), `${name} with ${JSON.stringify(off)}`).toBe(0)
      }
      await person.press('button', 'Set a credential')
      await has('menuitem', 'Basic login', true)
      await has('menuitem', 'OAuth 2', !isOff)
      await has('menuitem', 'Client certificate', !isOff)
      await person.page.keyboard.press('Escape')
      await has('link', 'Transformation', !isOff)
      await person.press('link', 'Settings')
      await has('textbox', 'Your id', true)
      await has('textbox', 'Channels', !isOff)
      await person.press('link', 'Event catalogue')
      await has('link', 'invoice.paid', true)
      await has('link', 'beta.thing', !isOff)
      if (isOff) {
        const { token } = await server.api<{ token: string }>('POST', `/api/v1/auth/app-portal-access/${app}`, {})
        const at = `/api/v1/app/${app}/endpoint/${id}`
        expect(await asks(token, ['PATCH', `${at}/transformation`, { enabled: false }])).toBe(403)
        expect(await asks(token, ['GET', `${at}/oauth`])).toBe(403)
        expect(await asks(token, ['PUT', `${at}/mtls`, { identity: 'x' }])).toBe(403)
        expect(await asks(token, ['GET', '/api/v1/event-type/beta.thing'])).toBe(404)
      }
      await person.close()
    } finally {
      if (isOff) await server.api('PATCH', '/api/v1/management/environment-settings', Object.fromEntries(Object.keys(off).map((k) => [k, null])))
    }
  }
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
