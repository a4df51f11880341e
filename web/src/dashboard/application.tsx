// O4: one application.
import { useParams } from '@tanstack/react-router'
import { api } from '../api/client'
import { useViewer } from '../api/viewer'
import { MessageLog } from '../screens/message/log/log'
import { text } from '../text/dashboard'
import { Button, Chip, CopyButton, Loading, Page, Problem, Tabs } from '../ui'
import { ApplicationActivity } from './application-activity'
import { ApplicationEndpoints } from './application-endpoints'
import { ApplicationPortal } from './application-portal'
import { ApplicationSettings } from './application-settings'
import { PauseButton } from './application-pause'
import './application.css'

export function Application() {
  const { appId = '' } = useParams({ strict: false })
  const viewer = useViewer()
  const path = { params: { path: { app_id: appId } } }
  const app = api.useQuery('get', '/api/v1/app/{app_id}', path)
  const hold = api.useQuery('get', '/x/v1/app/{app_id}/hold', path)
  const t = text.applications
  const crumbs = [{ to: '/apps', words: t.title }]
  if (app.isPending) return <Page title={t.title} crumbs={crumbs}><Loading /></Page>
  if (app.error) return <Page title={t.title} crumbs={crumbs}><Problem error={app.error} onRetry={app.refetch} /></Page>
  const a = app.data
  const held = hold.data?.state === 'held' ? hold.data : undefined
  return (
    <Page
      title={a.name || a.uid || a.id}
      crumbs={crumbs}
      actions={viewer.owns('app:write') && hold.data && <PauseButton app={a} hold={hold.data} onDone={hold.refetch} />}
    >
      <div className="row">
        {held && <Chip tone="warn" icon="pause" title={held.note ?? undefined}>{text.states.paused}</Chip>}
        {a.uid && <code>{a.uid}</code>}
        <span className="row nowrap"><code className="muted">{a.id}</code><CopyButton value={a.id} label={t.copyId} /></span>
      </div>
      {held && <div className="note warn">{t.pausedWords(held.waiting, held.approximated)}{held.note && <p className="muted">{held.note}</p>}</div>}
      {hold.error && <div className="note bad spread" role="alert">{t.holdUnknown}<Button icon="replay" onPress={hold.refetch}>{text.common.retry}</Button></div>}
      <Tabs label={t.tabs} tabs={[
        { id: 'endpoints', words: t.endpoints, content: () => <ApplicationEndpoints appId={a.id} /> },
        { id: 'messages', words: t.messages, content: () => <MessageLog appId={a.id} /> },
        viewer.owns('audit:read') && { id: 'activity', words: t.activity, content: () => <ApplicationActivity appId={a.id} /> },
        viewer.owns('portal:write') && { id: 'portal', words: t.portal, content: () => <ApplicationPortal app={a} /> },
        { id: 'settings', words: t.settings, content: () => <ApplicationSettings key={a.id} app={a} onSaved={app.refetch} /> },
      ]} />
    </Page>
  )
}
