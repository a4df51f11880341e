// Every screen of the dashboard with words that are a third longer: nothing stands out of its box, nothing is cut
// unseen, and what is no data comes from the catalogue. The portal's screens: portal.test.ts, at 320 pixels.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launch, shoot, sit, type Person } from './browser'
import { listen, literal, overflowing } from './room'
import { startReceiver, startServer, until, type Server } from './server'

let server: Server
let browser: Browser
let receiver: Awaited<ReturnType<typeof startReceiver>>
const at: Record<string, string> = {}
beforeAll(async () => {
  ;[server, browser, receiver] = await Promise.all([startServer(), launch(), startReceiver(() => 503)])
  await server.api('POST', '/api/v1/event-type', { name: 'bread.ready', description: 'zz', schemas: { 1: { type: 'object', properties: { n: { type: 'integer' } } } } })
  at.app = (await server.api<{ id: string }>('POST', '/api/v1/app', { name: 'Zz', uid: 'zz' })).id
  at.endpoint = (await server.api<{ id: string }>('POST', '/api/v1/app/zz/endpoint', { url: `${receiver.url}/${'zz-'.repeat(20)}`, description: 'zz' })).id
  at.message = (await server.api<{ id: string }>('POST', '/api/v1/app/zz/msg', { eventType: 'bread.ready', payload: { n: 1 } })).id
  at.attempt = await until('an attempt', async () => (await server.api<{ data: { id: string }[] }>('GET', `/api/v1/app/zz/attempt/msg/${at.message}`)).data[0]?.id)
  at.source = (await server.api<{ id: string }>('POST', '/ingest/api/v1/source', { name: 'Zz', type: 'github', config: { secret: 'zz' } })).id
  at.task = (await server.api<{ id: string }>('POST', `/x/v1/app/zz/endpoint/${at.endpoint}/replay`, { since: new Date(Date.now() - 600_000).toISOString(), which: 'all' })).id
  // Another that is not busy has the pages of what is disabled and held.
  await server.api('POST', '/api/v1/app/zz/endpoint', { uid: 'off', url: `${receiver.url}/off`, disabled: true })
  await server.api('POST', '/api/v1/app/zz/endpoint', { uid: 'held', url: `${receiver.url}/held` })
  await server.api('POST', '/x/v1/app/zz/endpoint/held/pause', {})
})
afterAll(async () => {
  await browser?.close()
  await receiver?.stop()
  await server?.stop()
})

const places = () => {
  const app = `/apps/${at.app}`
  const endpoint = `${app}/endpoints/${at.endpoint}`
  return [
    '/', '/start', '/apps', app, ...['messages', 'activity', 'portal', 'settings'].map((t) => `${app}?tab=${t}`),
    `${endpoint}?range=1h`, ...['settings', 'access', 'transformation', 'secret', 'events'].map((t) => `${endpoint}?tab=${t}`),
    '/messages', `${app}/messages`, `${app}/messages/${at.message}`, `${app}/messages/${at.message}?attempt=${at.attempt}`,
    '/issues', '/live', '/event-types', '/event-types/bread.ready', '/sources', '/sources/new', `/sources/${at.source}`, `/sources/${at.source}?tab=routes`,
    '/tasks', `/tasks?task=${at.task}`, '/settings', '/settings/looks', '/settings/tokens', '/settings/transfer', '/settings/audit', '/settings/members', '/account', '/nowhere',
  ]
}

// goTo goes to another place without loading the page anew.
async function goTo(person: Person, place: string) {
  await person.page.evaluate(([to]) => {
    history.pushState({}, '', to)
    dispatchEvent(new PopStateEvent('popstate'))
  }, [place])
  await person.rests()
}

test('every screen has room for longer words, and no words of its own', async () => {
  const person = await sit(browser, server)
  const { page } = person
  await listen(page)
  await person.land('/account?locale=pseudo')
  await person.rests()
  // All that is wrong is told at once. A chart follows the window a moment later, and an answer is heard a moment later.
  const wrong: string[] = []
  const none = async (what: string, ask: () => Promise<string[]>) => {
    const end = Date.now() + 5000
    let found = await ask()
    while (found.length > 0 && Date.now() < end) {
      await page.waitForTimeout(200)
      found = await ask()
    }
    wrong.push(...found.map((f) => `${what}: ${f}`))
  }
  for (const place of places()) {
    await goTo(person, place)
    await none(`literal in ${place}`, () => literal(page))
    for (const width of [1280, 768]) {
      await page.setViewportSize({ width, height: 900 })
      await none(`${place} at ${width}`, () => overflowing(page))
      await shoot(page, `pseudo-${width}${place.replace(/[/?=]+/g, '-').replaceAll(/_[A-Za-z0-9]+/g, '').slice(0, 60)}`)
    }
  }
  expect(wrong).toEqual([])
  await person.close()
})
