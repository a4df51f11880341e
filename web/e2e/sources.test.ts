import { createHmac } from 'node:crypto'
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

const secret = 'a secret of GitHub'
// github sends a webhook as GitHub does; signed with another secret where it is not genuine.
async function github(url: string, payload: unknown, key = secret) {
  const body = JSON.stringify(payload)
  const signature = createHmac('sha256', key).update(body).digest('hex')
  return (await fetch(url, { method: 'POST', body, headers: { 'Content-Type': 'application/json', 'X-GitHub-Event': 'push', 'X-GitHub-Delivery': crypto.randomUUID(), 'X-Hub-Signature-256': `sha256=${signature}` } })).status
}

test('T11: a source is added with four clicks, and says whether the first request was genuine', async () => {
  const person = await sit(browser, server)
  await person.land('/sources')
  await person.press('link', 'Add source')
  await person.page.getByRole('link', { name: /^GitHub/ }).waitFor()
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'providers')
  await person.press('link', /^GitHub/)
  await person.fill('Secret', secret)
  await checkAccess(person.page)
  await shoot(person.page, 'source-add')
  await person.press('button', 'Create source')
  await person.sees('Waiting for the first request.')
  await person.press('button', 'Copy URL')
  expect(person.clicks()).toBe(4)
  const url = await person.page.evaluate(() => navigator.clipboard.readText())
  expect(url).toContain('/in/')
  const hostile = '<img src=x onerror="window.hacked=1">'
  expect(await github(url, { hostile }, 'another secret')).toBe(401)
  await person.sees(/^The last request was rejected with 401/)
  expect(await github(url, { hostile })).toBe(200)
  await person.sees('The last request was genuine: push.')
  const rejected = person.page.getByRole('row').filter({ hasText: 'Rejected with 401' })
  await person.press('button', 'Request', rejected)
  await person.page.getByRole('dialog').getByText(hostile.replaceAll('"', '\\"')).waitFor()
  await checkAccess(person.page)
  await shoot(person.page, 'source-rejected')
  await person.press('button', 'Close', person.page.getByRole('dialog'))
  expect(await person.page.evaluate('window.hacked')).toBeUndefined()
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'source')
  await person.press('link', 'Counts')
  await person.page.getByRole('cell', { name: /signature/ }).waitFor()
  await checkAccess(person.page)
  await shoot(person.page, 'source-counts')
  await person.press('link', 'Settings', person.page.getByRole('navigation', { name: 'GitHub' }))
  const editor = person.page.getByRole('textbox', { name: 'Settings' })
  await editor.click()
  await person.page.keyboard.press('Control+A')
  await person.page.keyboard.insertText('{"ratePerMinute": 0}')
  await person.press('button', 'Save')
  await person.sees(/ratePerMinute: must/)
  await editor.click()
  await person.page.keyboard.press('Control+A')
  await person.page.keyboard.insertText('{"ratePerMinute": 600}')
  await person.press('button', 'Save')
  await person.sees('Saved.')
  await person.close()
})

test('a route is built with six clicks, and each step is tried on a request that came', async () => {
  const receiver = await startReceiver()
  const source = await server.api<{ id: string; ingestUrl: string }>('POST', '/ingest/api/v1/source', { name: 'Shop', type: 'github', config: { secret } })
  expect(await github(source.ingestUrl, { amount: 5 })).toBe(200)
  const person = await sit(browser, server)
  await person.land(`/sources/${source.id}?tab=routes`)
  await person.press('button', 'Add route')
  await person.fill('Target URL', receiver.url)
  await person.press('switch', 'Only some requests')
  // Typing is free: the editors are filled without a click.
  const write = async (name: string, value: string) => {
    await person.page.getByRole('textbox', { name }).focus()
    await person.page.keyboard.press('Control+A')
    await person.page.keyboard.insertText(value)
  }
  await write('Filter', '{"payload": {"amount": {"$gt": 100}}}')
  await person.press('button', 'Try the filter')
  await person.sees(/^The request would be skipped: payload.amount/)
  await person.press('switch', 'Change requests')
  await write('Transformation', 'function handler(w) { w.payload.seen = true; return w }')
  await person.press('button', 'Try the transformation')
  await person.page.getByRole('dialog').getByText('"seen":true').waitFor()
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'route-builder')
  await person.press('button', 'Create route')
  await person.page.getByRole('img', { name: '1 route, 0 failing, 0 disabled' }).waitFor()
  expect(person.clicks()).toBe(6)
  await github(source.ingestUrl, { amount: 7 })
  await github(source.ingestUrl, { amount: 700 })
  await until('it arrives', () => receiver.got.length > 0)
  expect(receiver.got.map((r) => JSON.parse(r.body))).toEqual([{ amount: 700, seen: true }])
  await person.land(`/sources/${source.id}?tab=routes`)
  await person.page.getByRole('cell', { name: receiver.url }).waitFor()
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'routes')

  await person.press('button', 'Add route')
  await person.fill('Target URL', `${receiver.url}/two`)
  await person.press('switch', 'Only some requests')
  await write('Filter', '{"nonsense": 1}')
  await person.press('button', 'Create route')
  await person.page.getByRole('dialog').getByRole('alert').waitFor()
  const left = await server.api<{ data: unknown[] }>('GET', `/ingest/api/v1/source/${source.id}/endpoint`)
  expect(left.data.length).toBe(1)
  await person.close()
})

test('a source gets a new URL and is removed', async () => {
  const source = await server.api<{ id: string; ingestUrl: string }>('POST', '/ingest/api/v1/source', { name: 'Gone', type: 'github', config: { secret } })
  const person = await sit(browser, server)
  await person.land(`/sources/${source.id}`)
  await person.press('button', 'More')
  await person.press('menuitem', 'Make a new URL')
  await person.press('button', 'Make a new URL', person.page.getByRole('dialog'))
  await until('a new URL', async () => (await server.api<{ ingestUrl: string }>('GET', `/ingest/api/v1/source/${source.id}`)).ingestUrl !== source.ingestUrl)
  await person.press('button', 'More')
  await person.press('menuitem', 'Remove source')
  await person.press('button', 'Remove source', person.page.getByRole('dialog'))
  await until('the list', () => person.page.url().endsWith('/sources'))
  await expect(server.api('GET', `/ingest/api/v1/source/${source.id}`)).rejects.toThrow('404')
  await person.land('/sources/src_nothing')
  await person.sees('This does not exist')
  await person.close()
})
