// Who changed what of an application.
import { client, type OwnShapes } from '../api/client'
import { useList } from '../api/list'
import { text } from '../text/dashboard'
import { Empty, Listing, Table, Time } from '../ui'

type Entry = OwnShapes['AuditOut']

export function ApplicationActivity({ appId }: { appId: string }) {
  const list = useList(['audit', appId], (iterator) => client.GET('/x/v1/audit', { params: { query: { app_id: appId, limit: 50, order: 'descending', iterator } } }))
  const t = text.applications
  return (
    <Listing list={list} whenEmpty={<Empty title={t.noActivity}>{t.noActivityHelp}</Empty>}>
      <Table
        label={t.activity}
        rows={list.rows}
        rowKey={(e) => e.id}
        onMore={list.more}
        columns={[
          { head: t.when, cell: (e) => <Time at={e.at} /> },
          { head: t.who, cell: (e) => <Actor actor={e.actor} /> },
          { head: t.what, cell: (e) => <>{t.change(e.action, e.noun)}{e.name && <div className="muted small break">{e.name}</div>}</> },
          { head: t.changes, cell: (e) => <Changes entry={e} /> },
        ]}
      />
    </Listing>
  )
}

function Actor({ actor }: { actor: Entry['actor'] }) {
  const also = [actor.address, actor.sessionId].filter(Boolean).join(' · ')
  return <>{actor.name || actor.id || actor.kind}{also && <div className="muted small">{also}</div>}</>
}

// One line a field: what it was, and what it became.
function Changes({ entry }: { entry: Entry }) {
  const before = (entry.before ?? {}) as Record<string, unknown>
  const after = (entry.after ?? {}) as Record<string, unknown>
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  if (names.length === 0) return null
  return (
    <dl className="changes">
      {names.map((name) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {name in before && <del><span className="sr-only">{text.applications.before}</span>{shown(before[name])}</del>}
            {name in after && <ins><span className="sr-only">{text.applications.after}</span>{shown(after[name])}</ins>}
          </dd>
        </div>
      ))}
    </dl>
  )
}

const shown = (value: unknown) => (typeof value === 'string' ? value || text.common.none : JSON.stringify(value))
