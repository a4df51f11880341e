// What one person may change about themselves: name, password, and where they are signed in.
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { ApiError, client } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { Button, Chip, Empty, Input, Loading, Page, Problem, Table, Time, toast, wordsOf } from '../../ui'
import { browserName } from './browser-name'

export function Account() {
  const { who } = useViewer()
  const t = text.account
  return (
    <Page title={t.yours}>
      {who.user
        ? <>
            <p className="muted">{t.yourRole(who.user.email, t.roles[who.user.role as keyof typeof t.roles] ?? who.user.role, who.environment.name ?? who.environment.id)}</p>
            <NameForm name={who.user.name ?? ''} />
            <PasswordForm hasPassword={who.user.hasPassword} />
            <Sessions />
          </>
        : <Empty title={t.noPerson}>{t.noPersonHelp}</Empty>}
    </Page>
  )
}

function NameForm({ name }: { name: string }) {
  const t = text.account
  const queries = useQueryClient()
  const [value, setValue] = useState(name)
  const [problem, setProblem] = useState('')
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    setProblem('')
    try {
      await client.PATCH('/x/v1/user/me', { body: { name: value } })
      await queries.invalidateQueries({ queryKey: ['whoami'] })
      toast(t.nameSaved)
    } catch (error) {
      setProblem(wordsOf(error))
    }
  }
  return (
    <form className="card stack account-form" onSubmit={submit}>
      <h2>{t.name}</h2>
      <Input label={t.name} error={problem} autoComplete="name" value={value} onValue={setValue} />
      <div><Button type="submit">{t.saveName}</Button></div>
    </form>
  )
}

function PasswordForm({ hasPassword }: { hasPassword: boolean }) {
  const t = text.account
  const queries = useQueryClient()
  const [old, setOld] = useState('')
  const [password, setPassword] = useState('')
  const [problem, setProblem] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const at = (field: string) => (problem instanceof ApiError ? problem.fields.find((f) => f.path === field)?.message : undefined)
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    if (busy) return
    setBusy(true)
    setProblem(undefined)
    try {
      await client.PATCH('/x/v1/user/me', { body: { password, oldPassword: hasPassword ? old : undefined } })
      setOld('')
      setPassword('')
      await queries.invalidateQueries({ queryKey: ['whoami'] })
      await queries.invalidateQueries({ queryKey: ['sessions'] })
      toast(t.passwordChanged)
    } catch (error) {
      setProblem(error)
    }
    setBusy(false)
  }
  return (
    <form className="card stack account-form" onSubmit={submit}>
      <h2>{t.password}</h2>
      {hasPassword && <Input label={t.oldPassword} error={at('oldPassword')} type="password" autoComplete="current-password" required value={old} onValue={setOld} />}
      <Input label={t.newPassword} help={t.passwordHelp} error={at('password') ?? (problem && !at('oldPassword') ? wordsOf(problem) : undefined)} type="password" autoComplete="new-password" required value={password} onValue={setPassword} />
      <div><Button type="submit" busy={busy}>{t.changePassword}</Button></div>
    </form>
  )
}

function Sessions() {
  const t = text.account
  const list = useQuery({ queryKey: ['sessions'], queryFn: async () => (await client.GET('/x/v1/session')).data!.data ?? [] })
  const end = async (id: string) => {
    await client.DELETE('/x/v1/session/{session_id}', { params: { path: { session_id: id } } })
    await list.refetch()
    toast(t.sessionEnded)
  }
  return (
    <section className="stack tight">
      <h2>{t.sessions}</h2>
      <p className="muted">{t.sessionsHelp}</p>
      {list.isPending ? <Loading /> : list.error ? <Problem error={list.error} onRetry={list.refetch} /> : (
        <Table label={t.sessions} rows={list.data} rowKey={(s) => s.id} columns={[
          { head: t.browser, cell: (s) => <span title={s.browser}>{browserName(s.browser) || text.common.unknown}</span> },
          { head: t.address, cell: (s) => <code>{s.address}</code> },
          { head: t.since, cell: (s) => <Time at={s.createdAt} /> },
          { head: t.lastUsed, cell: (s) => <Time at={s.usedAt} /> },
          { head: t.action, cell: (s) => (s.current ? <Chip tone="ok">{t.here}</Chip> : <Button label={t.endSessionOf(browserName(s.browser) || s.address)} onPress={() => end(s.id)}>{t.endSession}</Button>) },
        ]} />
      )}
    </section>
  )
}
