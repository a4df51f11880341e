// O3: every application.
import { useQueryClient } from '@tanstack/react-query'
import { useRef, useState, type FormEvent } from 'react'
import { ApiError, client } from '../api/client'
import { useList } from '../api/list'
import { useSparklines } from '../api/sparklines'
import { useViewer } from '../api/viewer'
import { shareOf, Sparkline } from '../charts'
import { text } from '../text/dashboard'
import { percent } from '../text/format'
import { Button, CopyButton, Empty, Input, Link, Listing, Page, Table, Time, useGo, wordsOf } from '../ui'
import './application.css'

export function Applications() {
  const viewer = useViewer()
  const [making, setMaking] = useState(false)
  const opener = useRef<HTMLDivElement>(null)
  const list = useList(['apps'], (iterator) => client.GET('/api/v1/app', { params: { query: { limit: 50, order: 'descending', iterator } } }))
  const sparks = useSparklines(list.rows.map((a) => a.id))
  const t = text.applications
  const create = viewer.owns('app:write') && !making && <Button look="primary" icon="plus" onPress={() => setMaking(true)}>{t.newApplication}</Button>
  const close = () => {
    setMaking(false)
    requestAnimationFrame(() => opener.current?.querySelector('button')?.focus())
  }
  return (
    <Page title={t.title} actions={<div ref={opener}>{create}</div>}>
      {making && <NewApplication onClose={close} />}
      <Listing list={list} whenEmpty={<Empty title={t.empty}>{t.emptyHelp}</Empty>}>
        <Table
          label={t.title}
          rows={list.rows}
          rowKey={(a) => a.id}
          onMore={list.more}
          columns={[
            { head: t.name, cell: (a) => <Link to={`/apps/${a.id}`} className="break">{a.name || a.id}</Link> },
            { head: t.uid, cell: (a) => a.uid ?? '' },
            { head: t.lastDay, cell: (a) => { const s = sparks.get(a.id); return s && <Sparkline columns={s.buckets} /> } },
            { head: t.success, number: true, cell: (a) => { const s = sparks.get(a.id); return percent(s && shareOf(s.ok, s.failed)) } },
            { head: t.throttle, number: true, cell: (a) => (a.throttleRate === null ? text.common.none : t.perSecond(a.throttleRate)) },
            { head: t.id, cell: (a) => <span className="row nowrap"><code>{a.id}</code><CopyButton value={a.id} label={t.copyId} /></span> },
            { head: t.created, cell: (a) => <Time at={a.createdAt} /> },
          ]}
        />
      </Listing>
    </Page>
  )
}

// A line above the list: two fields do not need a dialog.
function NewApplication({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('')
  const [uid, setUID] = useState('')
  const [problem, setProblem] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const queries = useQueryClient()
  const go = useGo()
  const t = text.applications
  const of = (path: string) => problem instanceof ApiError ? problem.fields.find((f) => f.path === path)?.message : undefined
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    if (busy) return
    setBusy(true)
    try {
      const { data } = await client.POST('/api/v1/app', { body: { name, uid: uid || null } })
      void queries.invalidateQueries({ queryKey: ['list', 'apps'] })
      go(`/apps/${data!.id}`)
    } catch (error) {
      setProblem(error)
      setBusy(false)
    }
  }
  return (
    <form className="card stack" aria-label={t.newApplication} onSubmit={submit} onKeyDown={(e) => { if (e.key === 'Escape') onClose() }}>
      <div className="inline-form">
        <Input label={t.name} error={of('name')} required autoFocus value={name} onValue={setName} />
        <Input label={t.uid} help={t.uidHelp} error={of('uid')} value={uid} onValue={setUID} />
        <div className="row">
          <Button look="primary" type="submit" busy={busy}>{t.createApplication}</Button>
          <Button onPress={onClose}>{text.common.cancel}</Button>
        </div>
      </div>
      {problem !== undefined && !of('name') && !of('uid') && <div className="note bad" role="alert">{wordsOf(problem)}</div>}
    </form>
  )
}
