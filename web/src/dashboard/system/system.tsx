// O15: what runs, and how it is.
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { Button, download, Loading, Page, Problem, Time, toast, usePreference, useSearch } from '../../ui'
import { getDiagnostics, useSystem } from './data'
import { Health } from './health'
import { Process } from './process'
import { Queue } from './queue'
import { Settings } from './settings'
import { Migrations, Slow, StoreSection } from './store'
import './system.css'

export function System() {
  const t = text.system
  const may = useViewer().owns('system:read')
  const [search, setSearch] = useSearch()
  const [updates, setUpdates] = usePreference('updates')
  const still = search.still === '1' || updates === 'paused'
  const { data, error, refetch } = useSystem(still, may)
  const save = async () => {
    const name = `hookloft-diagnostics-${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-')}.tar.gz`
    download(name, await getDiagnostics(), 'application/gzip')
    toast(t.saved)
  }
  if (!may) return <Page title={t.title}><p className="note">{t.notForYou}</p></Page>
  return (
    <Page title={t.title} actions={(
      <>
        <Button icon={still ? 'play' : 'pause'} onPress={() => { setSearch({ still: still ? '' : '1' }); if (still) setUpdates('live') }}>{still ? t.goOn : t.standStill}</Button>
        <Button icon="download" onPress={save}>{t.download}</Button>
      </>
    )}>
      <p className="muted">{t.help}</p>
      {error && <Problem error={error} onRetry={refetch} />}
      {!data && !error && <Loading lines={8} />}
      {data && (
        <>
          <p className="muted small">{still ? t.stands : t.follows} {t.asOf} <Time at={data.at} full /></p>
          <Health readiness={data.readiness} />
          <Queue queue={data.queue} />
          <StoreSection store={data.store} />
          <Process system={data} />
          <Slow slow={data.store.slow} />
          <Migrations schemas={data.store.schemas ?? []} />
          <Settings settings={data.settings ?? []} />
        </>
      )}
    </Page>
  )
}
