// T13: who changed what. T14: what was disabled by mistake is enabled again.
import { parse, stringify } from 'lossless-json'
import { useState } from 'react'
import { client, type OwnShapes } from '../../api/client'
import { useList, type Page as ListPage } from '../../api/list'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { Button, Chip, CopyButton, Empty, Input, Link, Listing, Progress, Select, Time, toast, useSearch, wordsOf, Confirm } from '../../ui'
import { group, type Entry, type Group } from './audit-groups'
import { Frame } from './frame'
import './settings.css'

const nouns = ['environment', 'application', 'endpoint', 'event-type', 'source', 'token', 'integration', 'task', 'listener', 'connector', 'message', 'attempt'] as const

const exactly = (o: unknown): Record<string, string> | null => (o && typeof o === 'object' ? Object.fromEntries(Object.entries(o).map(([k, v]) => [k, stringify(v) ?? ''])) : null)

async function ask(query: { noun?: (typeof nouns)[number]; actor?: string; iterator?: string }): Promise<{ data: ListPage<Entry> }> {
  const { data: source } = await client.GET('/x/v1/audit', { params: { query: { limit: 50, order: 'descending', ...query } }, parseAs: 'text' })
  const page = JSON.parse(source!) as ListPage<OwnShapes['AuditOut']>
  const exact = (parse(source!) as { data: { before: unknown; after: unknown }[] }).data
  return { data: { ...page, data: page.data.map((e, i) => ({ ...e, before: exactly(exact[i]!.before), after: exactly(exact[i]!.after) })) } }
}

export function Audit() {
  const t = text.settings
  const [search, setSearch] = useSearch()
  const noun = nouns.find((n) => n === search.noun)
  const actor = search.actor || undefined
  const list = useList<Entry>(['audit', noun, actor], (iterator) => ask({ noun, actor, iterator }))
  return (
    <Frame title={t.audit}>
      <div className="row">
        <Select label={t.noun} value={noun ?? ''} onValue={(v) => setSearch({ noun: v })} options={[['', t.allNouns], ...nouns.map((n) => [n, t.nouns[n]] as const)]} />
        <Input label={t.actorId} value={search.actor ?? ''} onValue={(v) => setSearch({ actor: v.trim() })} spellCheck={false} autoComplete="off" />
      </div>
      <Listing list={list} whenEmpty={<Empty title={t.noAudit}>{t.noAuditHelp}</Empty>}>
        <div className="table-wrap" role="region" aria-label={t.audit} tabIndex={0}>
          <table className="table audit">
            <thead><tr>{[t.when, t.who, t.what, t.difference].map((h) => <th key={h} scope="col">{h}</th>)}</tr></thead>
            <tbody>{group(list.rows).map((g) => <Row key={g.entries[0]!.id} group={g} onDone={list.retry} />)}</tbody>
          </table>
        </div>
        {list.more && <div className="row"><Button onPress={list.more}>{text.common.loadMore}</Button></div>}
      </Listing>
    </Frame>
  )
}

function Row({ group: g, onDone }: { group: Group; onDone: () => unknown }) {
  const t = text.settings
  const [, setSearch] = useSearch()
  const first = g.entries[0]!
  const { actor } = first
  const many = g.entries.length > 1
  return (
    <tr>
      <td><Time at={first.at} full /></td>
      <td>
        <div className="stack tight">
          {actor.id ? <button type="button" className="link" title={t.onlyActor} onClick={() => setSearch({ actor: actor.id! })}>{actor.name || actor.id}</button> : <span>{actor.name}</span>}
          <span className="muted small">{(t.actors as Record<string, string>)[actor.kind] ?? actor.kind}{actor.address && ` · ${actor.address}`}</span>
        </div>
      </td>
      <td><div className="stack tight">
        <Chip tone={first.action === 'deleted' || first.action === 'expunged' ? 'bad' : first.action === 'created' ? 'ok' : 'accent'} icon={first.action === 'created' ? 'plus' : first.action === 'updated' ? 'dot' : 'cross'}>{(t.actionsOf as Record<string, string>)[first.action] ?? first.action}</Chip>
        {many ? <details><summary>{t.endpoints(g.entries.length)}</summary><ul className="plain">{g.entries.map((e) => <li key={e.id}><Subject entry={e} /></li>)}</ul></details> : <Subject entry={first} />}
      </div></td>
      <td>
        {many ? <Difference entry={{ ...first, before: { disabled: 'null' }, after: { disabled: 'true' } }} /> : <Difference entry={first} />}
        {g.disabled.length > 0 && <Undo disabled={g.disabled} onDone={onDone} />}
      </td>
    </tr>
  )
}

function Subject({ entry: e }: { entry: Entry }) {
  const { to } = useViewer()
  const id = e.subjectId || e.name
  const gone = e.action === 'deleted' || e.action === 'expunged'
  const place = gone ? undefined
    : e.noun === 'application' ? `/apps/${id}` : e.noun === 'endpoint' && e.appId ? to.endpoint(e.appId, id) : e.noun === 'event-type' ? to.eventType(e.name || id)
      : e.noun === 'source' ? `/sources/${id}` : e.noun === 'task' ? `/tasks?task=${id}` : e.noun === 'environment' ? '/settings' : e.noun === 'token' ? '/settings/tokens' : undefined
  const words = <>{text.settings.nouns[e.noun as keyof typeof text.settings.nouns] ?? e.noun} <code>{e.name || id}</code></>
  return <span className="row">{place ? <Link to={place}>{words}</Link> : <span>{words}</span>}{e.subjectId && <CopyButton value={e.subjectId} />}</span>
}

// A field that is not set is null there.
const shown = (v: string) => (v === 'null' ? '–' : v)

function Difference({ entry: { before, after } }: { entry: Entry }) {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].sort()
  if (names.length === 0) return null
  return (
    <dl className="audit-difference">
      {names.map((n) => (
        <div key={n}><dt><code>{n}</code></dt>
          <dd>{before?.[n] !== undefined && <del>{shown(before[n])}</del>}{before?.[n] !== undefined && after?.[n] !== undefined && <span aria-hidden="true">{' → '}</span>}{after?.[n] !== undefined && <ins>{shown(after[n])}</ins>}</dd>
        </div>
      ))}
    </dl>
  )
}

function Undo({ disabled, onDone }: { disabled: Entry[]; onDone: () => unknown }) {
  const t = text.settings
  const [asking, setAsking] = useState(false)
  const [done, setDone] = useState(0)
  const [left, setLeft] = useState<string[]>([])
  const run = async () => {
    setDone(0)
    const failed: string[] = []
    for (const e of disabled) {
      try {
        await client.PATCH('/api/v1/app/{app_id}/endpoint/{endpoint_id}', { params: { path: { app_id: e.appId!, endpoint_id: e.subjectId } }, body: { disabled: false } })
      } catch (problem) {
        failed.push(`${e.name || e.subjectId}: ${wordsOf(problem)}`)
      }
      setDone((n) => n + 1)
    }
    setLeft(failed)
    void onDone()
    if (failed.length) throw new Error(t.notEnabled(failed.length))
    toast(t.enabled(disabled.length))
  }
  return (
    <>
      <Button icon="replay" onPress={() => setAsking(true)}>{t.enableThese(disabled.length)}</Button>
      <Confirm open={asking} onClose={() => setAsking(false)} title={t.enableThese(disabled.length)} action={t.enable} onConfirm={run}>
        <p>{t.enableHelp}</p>
        <ul>{disabled.slice(0, 20).map((e) => <li key={e.id}><code>{e.name || e.subjectId}</code></li>)}</ul>
        {disabled.length > 20 && <p className="muted">{t.andMore(disabled.length - 20)}</p>}
        {done > 0 && <Progress share={done / disabled.length} label={t.enable} />}
        {left.map((l) => <p key={l} className="error">{l}</p>)}
      </Confirm>
    </>
  )
}
