import { useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { ApiError, client } from '../../api/client'
import { text } from '../../text/dashboard'
import { Button, Code, Dialog, Input, Select, toast, wordsOf } from '../../ui'

const roles = ['owner', 'developer', 'support', 'viewer'] as const

export function RoleSelect({ value, onValue }: { value: string; onValue: (role: string) => void }) {
  const t = text.account
  return <Select label={t.role} help={t.roleHelp[value as (typeof roles)[number]]} value={value} onValue={onValue} options={roles.map((r) => [r, t.roles[r]] as const)} />
}

/** Invite asks whom, and shows the link to hand over. */
export function Invite({ onClose }: { onClose: () => void }) {
  const t = text.account
  const queries = useQueryClient()
  const [email, setEmail] = useState('')
  const [name, setName] = useState('')
  const [role, setRole] = useState('developer')
  const [problem, setProblem] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const [url, setURL] = useState('')
  const at = (field: string) => (problem instanceof ApiError ? problem.fields.find((f) => f.path === field)?.message : undefined)
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    if (busy) return
    setBusy(true)
    setProblem(undefined)
    try {
      const { data } = await client.POST('/x/v1/user', { body: { email: email.trim(), name: name || undefined, role } })
      await queries.invalidateQueries({ queryKey: ['list', 'users'] })
      if (data?.url) setURL(data.url)
      else {
        toast(t.added)
        onClose()
      }
    } catch (error) {
      setProblem(error)
    }
    setBusy(false)
  }
  if (url) return <LinkDialog email={email} url={url} onClose={onClose} />
  return (
    <Dialog open onClose={onClose} title={t.invite}>
      <form className="stack" onSubmit={submit}>
        <Input label={t.email} error={at('email') ?? (problem && !at('name') ? wordsOf(problem) : undefined)} type="email" autoComplete="off" required value={email} onValue={setEmail} />
        <Input label={t.name} error={at('name')} autoComplete="off" value={name} onValue={setName} />
        <RoleSelect value={role} onValue={setRole} />
        <div className="row"><Button look="primary" type="submit" busy={busy}>{t.makeLink}</Button><Button onPress={onClose}>{text.common.cancel}</Button></div>
      </form>
    </Dialog>
  )
}

/** LinkDialog shows a link once. */
export function LinkDialog({ email, url, onClose }: { email: string; url: string; onClose: () => void }) {
  const t = text.account
  return (
    <Dialog open onClose={onClose} title={t.linkTitle} footer={<Button look="primary" onPress={onClose}>{text.common.close}</Button>}>
      <p>{t.linkHelp(email)}</p>
      <Code label={t.linkTitle} value={url} />
    </Dialog>
  )
}
