import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkAccess, inAllColours, launch, shoot, sit } from './browser'
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

type List = { data: { id: string; state: string; reason: string; failures: number; assignee: string | null }[] }

test('a failing endpoint is one line, which is muted, assigned, resolved, and sent again', async () => {
  let answer = 500
  const receiver = await startReceiver((r) => (r.path === '/other' ? 500 : answer))
  await server.api('PATCH', '/api/v1/management/environment-settings', { retryPolicy: [] })
  const hostile = '<img src=x onerror="window.hacked=1">'
  await server.api('POST', '/api/v1/app', { name: 'Bakery', uid: 'bakery' })
  await server.api('POST', '/api/v1/app/bakery/endpoint', { url: receiver.url + '/hook', uid: 'e' })
  for (let i = 0; i < 3; i++) await server.api('POST', '/api/v1/app/bakery/msg', { eventType: 'bread.ready', payload: { i } })
  // What answers again is resolved by itself from the next minute on; of this one nothing ever does.
  await server.api('POST', '/api/v1/app', { name: 'Brewery', uid: 'brewery' })
  await server.api('POST', '/api/v1/app/brewery/endpoint', { url: receiver.url + '/other' })
  await server.api('POST', '/api/v1/app/brewery/msg', { eventType: 'beer.ready', payload: {} })
  const issue = async (app = 'bakery') => (await server.api<List>('GET', `/x/v1/issue?app_id=${app}`)).data[0]
  await expect.poll(async () => [(await issue())?.failures, (await issue('brewery'))?.failures], { timeout: 40_000, interval: 250 }).toEqual([3, 1])

  const person = await sit(browser, server)
  await person.land('/issues')
  await person.sees(`${receiver.url}/hook`)
  const row = person.page.getByRole('row').filter({ hasText: `${receiver.url}/hook` })
  await row.getByText('Open', { exact: true }).waitFor()
  const more = async (entry: string, of = row) => {
    await person.press('button', /^More for /, of)
    await person.press('menuitem', entry)
  }

  await more('Assign or add a note')
  await person.fill('Assigned to', 'jo@example.com')
  await person.fill(/^Note$/, hostile)
  await person.press('button', 'Save')
  await person.sees('jo@example.com')
  await person.sees(hostile)
  expect(await person.page.evaluate('window.hacked')).toBeUndefined()
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'issues')

  await more('Mute for 1 day')
  await row.waitFor({ state: 'detached' })
  await expect.poll(async () => (await issue())?.state).toBe('muted')
  const other = person.page.getByRole('row').filter({ hasText: `${receiver.url}/other` })
  await more('Resolve', other)
  await person.sees('No open issues')
  await person.page.getByLabel('Show').selectOption('resolved')
  await other.getByText('Resolved', { exact: true }).waitFor()
  await person.page.getByLabel('Show').selectOption('muted')
  await row.getByText('Muted', { exact: true }).waitFor()
  await more('End muting')
  await person.page.getByLabel('Show').selectOption('all')
  await row.getByText('Open', { exact: true }).waitFor()
  await person.page.waitForURL(/state=all/)

  // The receiver is mended: what failed is counted, and sent again.
  answer = 200
  await person.press('button', 'Replay affected', row)
  await person.sees('3 messages will be sent again.')
  await checkAccess(person.page)
  await shoot(person.page, 'issues-replay')
  await person.press('button', 'Replay')
  await until('they came again', () => receiver.got.filter((r) => r.path === '/hook').length === 6)
  await person.page.waitForURL(/\/tasks\?task=qtask_/)
  await person.close()
})

test('who may only look changes nothing', async () => {
  const env = (await server.api<{ envId: string }>('GET', '/api/v1/auth/whoami')).envId
  const { token } = await server.api<{ token: string }>('POST', `/api/v1/management/authentication/${env}/api-token`, { name: 'looks', scopes: ['*:read'] })
  const person = await sit(browser, server, { token })
  await person.land('/issues?state=all')
  await person.page.getByRole('table', {}).first().waitFor()
  expect(await person.page.getByRole('button', { name: 'Replay affected' }).count()).toBe(0)
  expect(await person.page.getByRole('button', { name: /^More for / }).count()).toBe(0)
  await person.close()
})
