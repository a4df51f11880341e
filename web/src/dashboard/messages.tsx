// O6: the log of messages. Which application's it is stands in the address.
import { client } from '../api/client'
import { useList } from '../api/list'
import { MessageLog } from '../screens/message/log/log'
import { text } from '../text'
import { Button, Empty, Listing, Page, Select, useSearch } from '../ui'

export function Messages() {
  const [search, set] = useSearch()
  const apps = useList(['apps', 'names'], (iterator) => client.GET('/api/v1/app', { params: { query: { limit: 250, order: 'descending', iterator } } }))
  const t = text.messages
  const appId = search.app ?? apps.rows[0]?.id ?? ''
  const known = apps.rows.some((a) => a.id === appId)
  const options = apps.rows.map((a): [string, string] => [a.id, a.name || a.uid || a.id])
  return (
    <Page title={t.title}>
      <Listing list={apps} whenEmpty={<Empty title={text.applications.empty}>{text.applications.emptyHelp}</Empty>}>
        <div className="row">
          <Select label={t.application} options={known ? options : [...options, [appId, appId]]} value={appId} onValue={(app) => set({ app, preview: '' }, { push: true })} />
          {apps.more && <Button onPress={apps.more}>{t.moreApplications}</Button>}
        </div>
        <MessageLog key={appId} appId={appId} />
      </Listing>
    </Page>
  )
}
