// O6: the log of messages of all applications, or of one.
import { client } from '../api/client'
import { useList } from '../api/list'
import { MessageLog } from '../screens/message/log/log'
import { text } from '../text/dashboard'
import { Page, Select, useSearch } from '../ui'

export function Messages() {
  const [search] = useSearch()
  const appId = search.app ?? ''
  return <Page title={text.messages.title}><MessageLog key={appId} appId={appId} filter={<ApplicationSelect />} /></Page>
}

// The newest applications can be chosen; any other stands in the address, as its page links it.
function ApplicationSelect() {
  const [search, set] = useSearch()
  const apps = useList(['apps', 'names'], (iterator) => client.GET('/api/v1/app', { params: { query: { limit: 250, order: 'descending', iterator } } }))
  const t = text.messages
  const value = search.app ?? ''
  const known = apps.rows.map((a): [string, string] => [a.id, a.name || a.uid || a.id])
  const unknown: [string, string][] = value && !known.some(([id]) => id === value) ? [[value, value]] : []
  return <Select label={t.application} options={[['', t.allApplications], ...unknown, ...known]} value={value} onValue={(app) => set({ app, preview: '' }, { push: true })} />
}
