// The door: with e-mail address and password, or with an API token.
import { useEffect, useState, type FormEvent } from 'react'
import { client } from '../../api/client'
import { session } from '../../api/session'
import { text } from '../../text/dashboard'
import { Button, Input, wordsOf } from '../../ui'

export function SignIn() {
  const [byToken, setByToken] = useState(false)
  useEffect(() => {
    document.title = `${text.signIn.title} · ${text.common.product}`
  }, [])
  return (
    <main className="sign-in">
      <div className="card stack">
        <h1>{text.signIn.title}</h1>
        {byToken ? <TokenForm /> : <PasswordForm />}
        <div><Button look="quiet" onPress={() => setByToken(!byToken)}>{byToken ? text.account.byPassword : text.account.byToken}</Button></div>
      </div>
    </main>
  )
}

function PasswordForm() {
  const t = text.account
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    if (busy) return
    setBusy(true)
    setProblem('')
    try {
      const { data } = await client.POST('/x/v1/session', { body: { email: email.trim(), password } })
      session.enterLast((data?.environments ?? []).map((p) => p.id))
    } catch (error) {
      setProblem(wordsOf(error))
      setBusy(false)
    }
  }
  return (
    <form className="stack" onSubmit={submit}>
      <Input label={t.email} type="email" autoComplete="username" required value={email} onValue={setEmail} />
      <Input label={t.password} error={problem} help={t.forgotten} type="password" autoComplete="current-password" required value={password} onValue={setPassword} />
      <Button look="primary" type="submit" busy={busy}>{text.signIn.submit}</Button>
    </form>
  )
}

function TokenForm() {
  const [value, setValue] = useState('')
  const [problem, setProblem] = useState('')
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    try {
      await session.signIn(value)
    } catch (error) {
      setProblem(wordsOf(error))
    }
  }
  return (
    <form className="stack" onSubmit={submit}>
      <Input label={text.signIn.token} help={text.signIn.tokenHelp} error={problem} type="password" autoComplete="off" required value={value} onValue={setValue} />
      <Button look="primary" type="submit">{text.signIn.submit}</Button>
    </form>
  )
}
