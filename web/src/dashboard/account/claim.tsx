// Where the link of an invitation leads: choose a password and be in.
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState, type FormEvent } from 'react'
import { ApiError, client, type OwnShapes } from '../../api/client'
import { session } from '../../api/session'
import { text } from '../../text/dashboard'
import { Button, Input, Link, Loading, useGo, wordsOf } from '../../ui'
import { claimToken } from './claim-place'

type Claim = OwnShapes['ClaimOut']
type Body = { email?: string; name?: string; password?: string }

const take = async (body: Body) => {
  const { data } = await client.POST('/x/v1/session/claim', { body: { token: claimToken(), ...body } })
  return (data?.environments ?? []).map((p) => p.id)
}

export function ClaimPage() {
  const t = text.account
  const go = useGo()
  // A link that only signs in is followed at once; all others are looked at first.
  const link = useQuery({
    queryKey: ['claim'], staleTime: Infinity, retry: false,
    queryFn: async () => {
      const claim = (await client.POST('/x/v1/session/claim/look', { body: { token: claimToken() } })).data!
      return { claim, entered: claim.purpose === 'enter' ? await take({}) : null }
    },
  })
  const entered = link.data?.entered
  useEffect(() => {
    document.title = `${t.claimTitle} · ${text.common.product}`
  }, [t.claimTitle])
  useEffect(() => {
    if (!entered) return
    // Who comes by such a link has just begun: one press away from a first webhook.
    go('/start', { replace: true })
    session.enterLast(entered)
    // go is made anew with each drawing and leads to the same places.
  }, [entered])
  return (
    <main className="sign-in">
      <div className="card stack">
        <h1>{t.claimTitle}</h1>
        {link.error
          ? <><p role="alert">{wordsOf(link.error)}</p><p><Link to="/">{t.toSignIn}</Link></p></>
          : link.data && !entered
            ? <Form claim={link.data.claim} onDone={(ids) => { go('/', { replace: true }); session.enterLast(ids) }} />
            : <Loading lines={2} />}
      </div>
    </main>
  )
}

function Form({ claim, onDone }: { claim: Claim; onDone: (environments: string[]) => void }) {
  const t = text.account
  const first = claim.purpose === 'first'
  const [email, setEmail] = useState(claim.email ?? '')
  const [name, setName] = useState(claim.name ?? '')
  const [password, setPassword] = useState('')
  const [problem, setProblem] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const at = (field: string) => (problem instanceof ApiError ? problem.fields.find((f) => f.path === field)?.message : undefined)
  const elsewhere = problem && !at('email') && !at('name') && !at('password') ? wordsOf(problem) : ''
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    if (busy) return
    setBusy(true)
    setProblem(undefined)
    try {
      onDone(await take({ password, name: name || undefined, email: first ? email.trim() : undefined }))
    } catch (error) {
      setProblem(error)
      setBusy(false)
    }
  }
  return (
    <form className="stack" onSubmit={submit}>
      <p>{first ? t.claimFirst : t.claimFor(claim.email ?? '')}</p>
      {first && <Input label={t.email} error={at('email')} type="email" autoComplete="username" required value={email} onValue={setEmail} />}
      <Input label={t.name} error={at('name')} autoComplete="name" value={name} onValue={setName} />
      <Input label={t.newPassword} help={t.passwordHelp} error={at('password') ?? elsewhere} type="password" autoComplete="new-password" required value={password} onValue={setPassword} />
      <Button look="primary" type="submit" busy={busy}>{t.claimSubmit}</Button>
    </form>
  )
}
