// API tokens: who may do what, and since when nobody used them.
import { useState } from 'react'
import { client, type Shapes } from '../../api/client'
import { useList } from '../../api/list'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { Button, Chip, Code, Confirm, Dialog, Empty, Input, Listing, Menu, Select, Table, TextArea, Time, toast, wordsOf } from '../../ui'
import { Frame } from './frame'

type Token = Shapes['APITokenCensoredOut']
const overlaps = [3600, 86_400, 7 * 86_400]

export function Tokens() {
  const t = text.settings
  const { who, owns } = useViewer()
  const env = who.environment.id
  const list = useList(['tokens', env], (iterator) => client.GET('/api/v1/management/authentication/{env_id}/api-token', { params: { path: { env_id: env }, query: { limit: 50, order: 'descending', iterator } } }))
  const [creating, setCreating] = useState(false)
  const [rotating, setRotating] = useState<Token>()
  const [expiring, setExpiring] = useState<Token>()
  const ended = (k: Token) => k.expiresAt !== null && new Date(k.expiresAt) <= new Date()
  const writes = owns('token:write')
  return (
    <Frame title={t.tokens} actions={writes && <Button look="primary" icon="plus" onPress={() => setCreating(true)}>{t.newToken}</Button>}>
      <Listing list={list} whenEmpty={<Empty title={t.noToken} />}>
        <Table label={t.tokens} rows={list.rows} rowKey={(k) => k.id} onMore={list.more} columns={[
          { head: t.name, cell: (k) => <div className="stack tight"><span>{k.name || k.id}</span><code className="muted small">{k.censoredToken}</code></div> },
          { head: t.scopes, cell: (k) => (k.scopes === null ? t.everything : k.scopes.join(', ')) },
          { head: t.lastUsed, cell: (k) => (k.lastUsedAt ? <Time at={k.lastUsedAt} /> : t.never) },
          { head: t.created, cell: (k) => <Time at={k.createdAt} /> },
          { head: t.state, cell: (k) => (ended(k) ? <Chip tone="idle">{t.expired}</Chip> : k.expiresAt ? <Chip tone="warn">{t.expires} <Time at={k.expiresAt} /></Chip> : <Chip tone="ok">{text.states.active}</Chip>) },
          { head: t.actions, cell: (k) => writes && !ended(k) && <Menu label={t.actionsFor(k.name || k.id)} entries={[
            { words: t.rotate, icon: 'replay', onPress: () => setRotating(k) },
            { words: t.expireNow, icon: 'stop', danger: true, onPress: () => setExpiring(k) },
          ]} /> },
        ]} />
      </Listing>
      {creating && <Create env={env} onClose={() => { setCreating(false); void list.retry() }} />}
      {rotating && <Rotate env={env} token={rotating} onClose={() => { setRotating(undefined); void list.retry() }} />}
      <Confirm open={Boolean(expiring)} onClose={() => setExpiring(undefined)} danger title={t.expireTitle(expiring?.name || expiring?.id || '')} action={t.expireNow} onConfirm={async () => {
        await client.POST('/api/v1/management/authentication/{env_id}/api-token/{key_id}/expire', { params: { path: { env_id: env, key_id: expiring!.id } }, body: {} })
        toast(t.tokenExpired)
        void list.retry()
      }}><p>{t.expireHelp}</p></Confirm>
    </Frame>
  )
}

function Create({ env, onClose }: { env: string; onClose: () => void }) {
  const t = text.settings
  const [name, setName] = useState('')
  const [kind, setKind] = useState('all')
  const [scopes, setScopes] = useState('')
  const [made, setMade] = useState('')
  const [problem, setProblem] = useState('')
  const create = async () => {
    setProblem('')
    try {
      const wanted = kind === 'all' ? null : kind === 'read' ? ['*:read'] : scopes.split(/[\s,]+/).filter(Boolean)
      setMade((await client.POST('/api/v1/management/authentication/{env_id}/api-token', { params: { path: { env_id: env } }, body: { name, scopes: wanted } })).data!.token)
    } catch (e) {
      setProblem(wordsOf(e))
    }
  }
  if (made) return <Made token={made} title={t.newToken} onClose={onClose} />
  return (
    <Dialog open onClose={onClose} title={t.newToken} footer={<><Button onPress={onClose}>{text.common.cancel}</Button><Button look="primary" onPress={create}>{t.create}</Button></>}>
      <Input label={t.tokenName} help={t.tokenNameHelp} value={name} onValue={setName} autoComplete="off" />
      <Select label={t.mayDo} value={kind} onValue={setKind} options={[['all', t.everything], ['read', t.readOnly], ['some', t.someScopes]]} />
      {kind === 'some' && <TextArea label={t.scopes} help={t.scopesHelp} value={scopes} onValue={setScopes} spellCheck={false} />}
      {problem && <div className="note bad" role="alert">{problem}</div>}
    </Dialog>
  )
}

function Rotate({ env, token, onClose }: { env: string; token: Token; onClose: () => void }) {
  const t = text.settings
  const [overlap, setOverlap] = useState(String(overlaps[1]))
  const [made, setMade] = useState('')
  const [problem, setProblem] = useState('')
  const path = { env_id: env }
  const rotate = async () => {
    setProblem('')
    try {
      // The new one first: what fails then leaves the old one as it is.
      const { data } = await client.POST('/api/v1/management/authentication/{env_id}/api-token', { params: { path }, body: { name: token.name ?? token.id, scopes: token.scopes } })
      setMade(data!.token)
      await client.POST('/api/v1/management/authentication/{env_id}/api-token/{key_id}/expire', { params: { path: { ...path, key_id: token.id } }, body: { expiry: Number(overlap) } })
    } catch (e) {
      setProblem(wordsOf(e))
    }
  }
  if (made) return <Made token={made} title={t.rotate} onClose={onClose} problem={problem && t.oldStays(problem)} />
  return (
    <Dialog open onClose={onClose} title={t.rotateTitle(token.name || token.id)} footer={<><Button onPress={onClose}>{text.common.cancel}</Button><Button look="primary" onPress={rotate}>{t.rotate}</Button></>}>
      <p>{t.rotateHelp}</p>
      <Select label={t.overlap} value={overlap} onValue={setOverlap} options={overlaps.map((s) => [String(s), s < 86_400 ? t.hours(s / 3600) : t.days(s / 86_400)])} />
      {problem && <div className="note bad" role="alert">{problem}</div>}
    </Dialog>
  )
}

function Made({ token, title, problem, onClose }: { token: string; title: string; problem?: string; onClose: () => void }) {
  const t = text.settings
  return (
    <Dialog open onClose={onClose} title={title} footer={<Button look="primary" onPress={onClose}>{t.done}</Button>}>
      <div className="note warn">{t.onlyOnce}</div>
      <Code label={t.token} value={token} />
      {problem && <div className="note bad" role="alert">{problem}</div>}
    </Dialog>
  )
}
