import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkAccess, inAllColours, launch, shoot, sit, type Person } from './browser'
import { startServer, type Server } from './server'

let server: Server
let browser: Browser
let invitation = ''
const hostile = '<img src=x onerror="window.hacked=1">'
const password = 'three grey geese'

beforeAll(async () => {
  ;[server, browser] = await Promise.all([startServer(), launch()])
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
})

const look = async (person: Person, name: string) => {
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, name)
}

// entered waits for the inside.
async function entered(person: Person) {
  await person.page.getByRole('navigation', { name: 'Main' }).waitFor()
}

async function signIn(person: Person, email: string, secret: string) {
  await person.fill('E-mail address', email)
  await person.fill('Password', secret)
  await person.press('button', 'Sign in')
}

async function signOut(person: Person, as: string) {
  await person.press('button', as)
  await person.press('menuitem', 'Sign out')
  await person.page.getByRole('heading', { name: 'Sign in' }).waitFor()
}

test('the link of hookloft dev signs in with nothing to press, once, and leaves no trace in the address', async () => {
  const link = /open\s+\S+(\/claim#hl_ck_\S+)/.exec(server.output())![1]!
  const owner = await sit(browser, server, { token: null })
  await owner.land(link)
  await entered(owner)
  expect(owner.clicks()).toBe(0)
  await owner.page.waitForURL((url) => !url.href.includes('hl_ck_'))
  expect(await owner.page.evaluate('document.cookie')).toBe('')
  await owner.land('/apps')
  await owner.sees('demo')

  await owner.press('button', 'hookloft dev')
  await owner.press('menuitem', 'Members')
  await owner.sees('dev@localhost')
  await owner.press('button', 'Invite somebody')
  await owner.fill('E-mail address', 'ada@example.com')
  await owner.fill(/^Name/, hostile)
  await look(owner, 'members-invite')
  await owner.press('button', 'Make the link')
  await owner.sees('A link to hand over')
  invitation = (await owner.page.locator('pre').textContent())!
  expect(invitation).toMatch(/\/claim#hl_ck_/)
  await shoot(owner.page, 'members-link')
  await owner.press('button', 'Close', owner.page.getByRole('dialog').locator('footer'))
  await owner.sees(hostile)
  await owner.sees('Invited')
  await look(owner, 'members')
  expect(await owner.page.evaluate('window.hacked')).toBeUndefined()
  await owner.close()

  const late = await sit(browser, server, { token: null })
  await late.land(link)
  await late.sees('This link was used already, or it has expired.')
  await late.close()
})

test('an invitation sets a password; wrong ones are slowed; sessions end from elsewhere', async () => {
  const ada = await sit(browser, server, { token: null })
  await ada.land(invitation.slice(server.url.length))
  await ada.sees('Choose the password with which ada@example.com signs in.')
  await ada.fill('New password', 'passwordpassword')
  await ada.press('button', 'Set password and go in')
  await ada.sees(/among the first that are guessed/)
  await look(ada, 'claim')
  await ada.fill('New password', password)
  await ada.press('button', 'Set password and go in')
  await entered(ada)
  await signOut(ada, `${hostile.slice(0, 23)}…`)
  await look(ada, 'sign-in-password')
  await ada.page.reload()
  await signIn(ada, 'ada@example.com', password)
  await entered(ada)

  const other = await sit(browser, server, { token: null, userAgent: 'Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/132.0' })
  await other.land('/apps')
  const answerTo = async (secret: string) => {
    const answer = other.page.waitForResponse((r) => r.url().endsWith('/x/v1/session') && r.request().method() === 'POST')
    await signIn(other, 'ada@example.com', secret)
    return (await answer).status()
  }
  for (let i = 0; i < 5; i++) {
    expect(await answerTo(`wrong password ${i}`)).toBe(401)
    await other.sees('The e-mail address or the password is wrong.')
  }
  // Each further guess doubles the wait, until no machine is slow enough to come after it.
  await expect.poll(() => answerTo('once more, wrong'), { timeout: 40_000 }).toBe(429)
  await other.sees('There were too many wrong passwords.')
  await expect.poll(() => answerTo(password), { timeout: 40_000, interval: 300 }).toBe(200)
  await entered(other)

  await ada.press('button', `${hostile.slice(0, 23)}…`)
  await ada.press('menuitem', 'Your account')
  await ada.sees('This browser')
  await look(ada, 'account')
  await ada.press('button', 'End the session of Firefox, Windows')
  await ada.sees('The session has ended.')
  await other.land('/apps')
  await other.page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await ada.fill('Present password', password)
  await ada.fill('New password', 'four green frogs')
  await ada.press('button', 'Change password')
  await ada.sees('The password is changed.')
  await ada.close()
  await signIn(other, 'ada@example.com', 'four green frogs')
  await entered(other)
  await other.close()
})

test('who looks sees no secret and no button that is refused', async () => {
  const viewer = await sit(browser, server, { token: null })
  const made = server.command('user', 'invite', 'vera@example.com', '--role', 'viewer')
  await viewer.land(made.trim().slice(made.indexOf('/claim')))
  await viewer.fill('New password', password)
  await viewer.press('button', 'Set password and go in')
  await entered(viewer)
  await viewer.press('button', 'vera@example.com')
  await viewer.press('menuitem', 'Members')
  await viewer.sees('Owners invite and remove people.')
  expect(await viewer.page.getByRole('button', { name: 'Invite somebody' }).count()).toBe(0)
  expect(await viewer.page.getByRole('button', { name: /^Actions for/ }).count()).toBe(0)
  await shoot(viewer.page, 'members-viewer')
  // The page's own cookie, and what the server says to it.
  const asked = await viewer.page.evaluate(async () => {
    const ask = async (method: string, path: string, headers: Record<string, string>) => (await fetch(path, { method, headers })).status
    const here = { 'Hookloft-Environment': '-' }
    return [
      await ask('GET', '/api/v1/app/demo/endpoint', here), await ask('GET', '/api/v1/app/demo/endpoint/inbox/secret', here),
      await ask('DELETE', '/api/v1/app/demo', here), await ask('GET', '/api/v1/app', {}),
    ]
  })
  expect(asked).toEqual([200, 403, 403, 401])
  // Another role signs out.
  server.command('user', 'role', 'vera@example.com', 'support')
  await viewer.land('/apps')
  await viewer.page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await viewer.close()
})

test('several environments are switched in the bar', async () => {
  server.command('environment', 'create', 'staging')
  const link = server.command('user', 'invite', 'olga@example.com', '--role', 'owner')
  const olga = await sit(browser, server, { token: null })
  await olga.land(link.trim().slice(link.indexOf('/claim')))
  await olga.fill('New password', password)
  await olga.press('button', 'Set password and go in')
  await entered(olga)
  await olga.press('button', 'default')
  await olga.press('menuitem', 'staging')
  await olga.page.getByRole('button', { name: 'staging' }).waitFor()
  await olga.press('link', 'Applications')
  await olga.sees('No application yet')
  await shoot(olga.page, 'environment-staging')
  await olga.page.reload()
  await olga.sees('No application yet') // this browser remembers
  server.command('environment', 'delete', 'staging', '--yes')
  await olga.page.reload()
  await olga.sees('demo') // and notices that it is gone
  await olga.close()
})
