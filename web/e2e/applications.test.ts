import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkAccess, inAllColours, launch, shoot, sit } from './browser'
import { startServer, type Server } from './server'

let server: Server
let browser: Browser
beforeAll(async () => {
  ;[server, browser] = await Promise.all([startServer(), launch()])
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
})

test('who has no token is asked for one, and a wrong one is refused in words', async () => {
  const person = await sit(browser, server, { token: null })
  await person.land('/apps')
  await checkAccess(person.page)
  await shoot(person.page, 'sign-in')
  await person.press('button', 'Use an API token instead')
  await person.fill('API token', 'hl_sk_wrong')
  await person.press('button', 'Sign in')
  await person.sees('Invalid token')
  await person.fill('API token', server.token)
  await person.press('button', 'Sign in')
  await person.sees('Applications')
  await person.close()
})

test('all applications are listed, and a hostile name stays text', async () => {
  const hostile = '<img src=x onerror="window.hacked=1">'
  await server.api('POST', '/api/v1/app', { name: hostile, uid: 'hostile' })
  const person = await sit(browser, server)
  await person.land('/apps')
  await person.sees('demo')
  await person.sees(hostile)
  expect(await person.page.evaluate('window.hacked')).toBeUndefined()
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'applications')
  await person.close()
})
