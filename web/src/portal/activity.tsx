// P7: what happened to the endpoints: made, changed, disabled, secret rotated.
import { client, type OwnShapes } from '../api/client'
import { useList } from '../api/list'
import { useViewer } from '../api/viewer'
import { text } from '../text'
import { Chip, Empty, legible, Link, Listing, Page, Table, Time, type IconName, type Tone } from '../ui'
import { useEndpoints } from './data'

type Entry = OwnShapes['ActivityOut']

export function Activity() {
  const { appId, to } = useViewer()
  const list = useList(['activity', appId], (iterator) => client.GET('/x/v1/app/{app_id}/activity', { params: { path: { app_id: appId! }, query: { limit: 50, iterator } } }), { every: 30_000 })
  const endpoints = useEndpoints(appId!)
  const t = text.portal
  const urls = new Map(endpoints.rows.map((e) => [e.id, e.url]))
  return (
    <Page title={t.activity}>
      <Listing list={list} whenEmpty={<Empty title={t.noActivity}>{t.noActivityHelp}</Empty>}>
        <Table label={t.activity} rows={list.rows} rowKey={(e) => e.id} onMore={list.more} columns={[
          { head: t.when, cell: (e) => <Time at={e.at} /> },
          { head: t.what, cell: (e) => <What entry={e} /> },
          { head: t.endpoint, className: 'break', cell: (e) => { const url = urls.get(e.endpointId); return url ? <Link to={to.endpoint(appId!, e.endpointId)}>{legible(url)}</Link> : <span className="muted">{legible(e.name || e.endpointId)}</span> } },
          { head: t.by, cell: (e) => t.sides[e.by as keyof typeof t.sides] ?? e.by },
        ]} />
      </Listing>
    </Page>
  )
}

// What says the one thing that matters of a change, and the rest as a list of fields.
function What({ entry }: { entry: Entry }) {
  const t = text.portal
  const [tone, icon, words] = wordsOf(entry)
  const rest = (entry.changed ?? []).filter((c) => !['disabled', 'disabledBy', 'secret'].includes(c.field) && !c.field.startsWith('hold.'))
  return (
    <div className="stack tight">
      <div><Chip tone={tone} icon={icon}>{words}</Chip></div>
      {rest.length > 0 && <ul className="changes">{rest.map((c) => <li key={c.field}><span className="nowrap">{t.fieldNames[c.field as keyof typeof t.fieldNames] ?? c.field}</span>{(c.before !== null || c.after !== null) && <>{': '}<Value of={c.before} />{' → '}<Value of={c.after} /></>}</li>)}</ul>}
    </div>
  )
}

function Value({ of }: { of: unknown }) {
  if (of === null || of === undefined || of === '') return <span className="muted">{text.common.none}</span>
  return <span className="break">{legible(typeof of === 'string' ? of : JSON.stringify(of))}</span>
}

function wordsOf(e: Entry): [Tone, IconName, string] {
  const t = text.portal.happened
  if (e.action === 'created') return ['ok', 'plus', t.created]
  if (e.action === 'deleted') return ['idle', 'cross', t.deleted]
  const changed = new Map((e.changed ?? []).map((c) => [c.field, c.after as unknown]))
  if (changed.get('disabled') === true) return ['bad', 'stop', e.by === 'system' ? t.disabledBySystem : t.disabled]
  if (changed.has('disabled')) return ['ok', 'play', t.enabled]
  if (changed.has('secret')) return ['accent', 'key', t.secret]
  if (changed.get('hold.resumedAt')) return ['ok', 'play', t.resumed]
  if (changed.get('hold.since')) return ['warn', 'pause', t.paused]
  return ['idle', 'dot', t.changed]
}
