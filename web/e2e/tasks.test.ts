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

type Task = { id: string; status: string; done: number; ratePerSecond: number | null }
const taskOf = (id: string) => server.api<Task>('GET', `/x/v1/task/${id}`)

// replay makes an endpoint with messages that were delivered, and sends them again at a pace.
async function replay(app: string, messages: number, ratePerSecond: number): Promise<string> {
  const receiver = await startReceiver()
  await server.api('POST', '/api/v1/app', { name: app, uid: app })
  const endpoint = await server.api<{ id: string }>('POST', `/api/v1/app/${app}/endpoint`, { url: receiver.url })
  for (let n = 0; n < messages; n++) await server.api('POST', `/api/v1/app/${app}/msg`, { eventType: 'a.b', payload: { n } })
  await until('all are delivered', () => receiver.got.length === messages)
  const attempts = () => server.api<{ data: unknown[] }>('GET', `/api/v1/app/${app}/attempt/endpoint/${endpoint.id}?status=0`)
  await until('all are recorded', async () => (await attempts()).data.length === messages)
  const since = new Date(Date.now() - 600_000).toISOString()
  return (await server.api<{ id: string }>('POST', `/x/v1/app/${app}/endpoint/${endpoint.id}/replay`, { since, which: 'all', ratePerSecond })).id
}

test('a task shows how far it is, stands still, goes on faster and is cancelled', async () => {
  const id = await replay('slow', 12, 0.1)
  const person = await sit(browser, server)
  await person.land('/tasks')
  await person.sees('Replay messages')
  const row = person.page.getByRole('row').filter({ hasText: 'Replay messages' })
  await row.getByText(/of 12 · .* per second/).waitFor()
  await person.press('button', 'Pause', row)
  await row.getByText('Paused').waitFor()
  await expect.poll(async () => (await taskOf(id)).status).toBe('paused')
  await inAllColours(person.page, () => checkAccess(person.page))
  await shoot(person.page, 'tasks')
  await person.press('button', 'Resume', row)
  await row.getByText('Running').waitFor()

  await person.press('link', 'Replay messages')
  const drawer = person.page.getByRole('dialog')
  await drawer.getByText('0.1 per second', { exact: true }).waitFor()
  await drawer.getByLabel('At most, per second').fill('0.2')
  await person.press('button', 'Save', drawer)
  await until('the pace', async () => (await taskOf(id)).ratePerSecond === 0.2)
  await drawer.getByLabel('At most, per second').fill('1000000')
  await person.press('button', 'Save', drawer)
  await drawer.getByText(/must lie between/).waitFor()
  await checkAccess(person.page)
  await shoot(person.page, 'task')
  await person.press('button', 'Cancel', drawer)
  const confirm = person.page.getByRole('dialog', { name: 'Cancel this task?' })
  await person.press('button', 'Cancel the task', confirm)
  await drawer.getByText('Cancelled').waitFor()
  await expect.poll(async () => (await taskOf(id)).status).toBe('cancelled')
  await person.close()
})

test('the list is chosen by state, and a task that does not exist is said', async () => {
  const id = await replay('quick', 2, 100)
  await until('it ends', async () => (await taskOf(id)).status === 'finished')
  const person = await sit(browser, server)
  await person.land('/tasks')
  await person.page.getByLabel('Show').selectOption('finished')
  await until('the address', () => person.page.url().includes('status=finished'))
  await person.sees('2 of 2')
  await person.land(`/tasks?task=${id}`)
  await person.sees('2 messages were sent again.')
  await person.land('/tasks?task=qtask_nothing')
  await person.sees('This does not exist')
  await person.close()
})
