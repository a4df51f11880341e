// O8: what endpoints fail at, one line for each endpoint and kind of failure.
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { client, type OwnShapes } from '../../api/client'
import { useList } from '../../api/list'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { number } from '../../text/format'
import { Button, Chip, Empty, Link, Listing, Menu, Page, Select, Table, Time, toast, toastError, useSearch, type Tone } from '../../ui'
import { AssignDialog } from './assign'
import { ReplayDialog } from './replay'
import { useWhen } from './when'
import './issues.css'

export type Issue = OwnShapes['IssueOut']
export type IssueChange = OwnShapes['IssuePatch']

const states = ['open', 'muted', 'resolved'] as const
type State = (typeof states)[number]
const tones: Record<State, Tone> = { open: 'bad', muted: 'idle', resolved: 'ok' }

const hour = 3_600_000
const later = (milliseconds: number) => new Date(Date.now() + milliseconds).toISOString()

export function Issues() {
  const t = text.issues
  const viewer = useViewer()
  const [search, setSearch] = useSearch()
  const state = search.state === 'all' ? undefined : states.find((s) => s === search.state) ?? 'open'
  const list = useList(['issues', state], (iterator) => client.GET('/x/v1/issue', { params: { query: { limit: 50, state, iterator } } }), { every: 10_000 })
  const [open, setOpen] = useState<{ what: 'replay' | 'assign'; issue: Issue }>()
  const queries = useQueryClient()
  const change = async (issue: Issue, body: IssueChange, done: string) => {
    await client.PATCH('/x/v1/issue/{issue_id}', { params: { path: { issue_id: issue.id } }, body })
    toast(done)
    void queries.invalidateQueries({ queryKey: ['list', 'issues'] })
  }
  const press = (issue: Issue, body: IssueChange, done: string) => () => change(issue, body, done).catch(toastError)
  const actions = (i: Issue) => viewer.owns('issue:write') && (
    <span className="row nowrap">
      <Button icon="replay" onPress={() => setOpen({ what: 'replay', issue: i })}>{t.replay}</Button>
      <Menu label={t.more(i.url)} entries={[
        i.state === 'open' && { words: t.muteHour, onPress: press(i, { mutedUntil: later(hour) }, t.muted) },
        i.state === 'open' && { words: t.muteDay, onPress: press(i, { mutedUntil: later(24 * hour) }, t.muted) },
        i.state === 'open' && { words: t.muteWeek, onPress: press(i, { mutedUntil: later(7 * 24 * hour) }, t.muted) },
        i.state === 'muted' && { words: t.unmute, onPress: press(i, { mutedUntil: null }, t.unmuted) },
        i.state !== 'resolved' && { words: t.resolve, icon: 'check', onPress: press(i, { resolved: true }, t.resolved) },
        // What the endpoint itself has resolved is not for people to open.
        i.state === 'resolved' && i.recoveredAt === null && { words: t.reopen, onPress: press(i, { resolved: false }, t.reopened) },
        { words: t.assign, onPress: () => setOpen({ what: 'assign', issue: i }) },
      ]} />
    </span>
  )
  return (
    <Page title={t.title}>
      <p className="muted">{t.intro}</p>
      <div className="row"><Select label={t.show} value={state ?? 'all'} onValue={(v) => setSearch({ state: v === 'open' ? '' : v })} options={[...states.map((s) => [s, t.states[s]] as const), ['all', t.all]]} /></div>
      <Listing list={list} whenEmpty={<Empty title={state ? t.noneOf[state] : t.none}>{t.noneHelp}</Empty>}>
        <Table label={t.title} rows={list.rows} rowKey={(i) => i.id} onMore={list.more} columns={[
          { head: t.state, cell: (i) => <State issue={i} /> },
          { head: t.problem, className: 'issue-problem', cell: (i) => (
            <>
              <strong>{i.words}</strong>
              <div><Link to={viewer.to.endpoint(i.appId, i.endpointId)} className="break">{i.url}</Link></div>
              <div className="muted">{i.nextStep}</div>
              {i.note !== null && <div className="issue-note break">{i.note}</div>}
            </>
          ) },
          { head: t.failures, number: true, cell: (i) => <>{number(i.failures)}<div className="muted nowrap">{t.givenUp(i.messages)}</div></> },
          { head: t.seen, cell: (i) => <><Time at={i.firstAt} /><div><Time at={i.lastAt} /></div></> },
          { head: t.assignee, cell: (i) => <span className="break">{i.assignee ?? '–'}</span> },
          { head: t.actions, cell: actions },
        ]} />
      </Listing>
      {open?.what === 'replay' && <ReplayDialog issue={open.issue} onClose={() => setOpen(undefined)} />}
      {open?.what === 'assign' && <AssignDialog issue={open.issue} onClose={() => setOpen(undefined)} onSave={(body) => change(open.issue, body, t.saved)} />}
    </Page>
  )
}

function State({ issue }: { issue: Issue }) {
  const t = text.issues
  const when = useWhen()
  const state = states.find((s) => s === issue.state) ?? 'open'
  const why = state === 'muted' && issue.mutedUntil ? t.mutedUntil(when(issue.mutedUntil)) : issue.recoveredAt ? t.recoveredAt(when(issue.recoveredAt)) : undefined
  return <Chip tone={tones[state]} title={why}>{t.states[state]}</Chip>
}
