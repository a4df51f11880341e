import { useState, type FormEvent } from 'react'
import { ApiError, client } from '../../api/client'
import { text } from '../../text'
import { Button, Dialog, Input, wordsOf } from '../../ui'
import { EventTypesField } from './event-types-field'
import './new.css'

/** NewEndpoint asks for what an endpoint needs and makes it. */
export function NewEndpoint({ appId, onClose, onMade }: { appId: string; onClose: () => void; onMade: (endpointId: string) => void }) {
  const [url, setURL] = useState('')
  const [description, setDescription] = useState('')
  const [eventTypes, setEventTypes] = useState<string[]>([])
  const [problem, setProblem] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const t = text.newEndpoint
  const of = (path: string) => problem instanceof ApiError ? problem.fields.find((f) => f.path === path)?.message : undefined
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    if (busy) return
    setBusy(true)
    setProblem(undefined)
    try {
      const { data } = await client.POST('/api/v1/app/{app_id}/endpoint', {
        params: { path: { app_id: appId } },
        body: { url: url.trim(), description, eventTypes: eventTypes.length ? eventTypes : null },
      })
      onMade(data!.id)
    } catch (error) {
      setProblem(error)
      setBusy(false)
    }
  }
  const elsewhere = problem !== undefined && !of('url') && !of('description')
  return (
    <Dialog open onClose={onClose} title={t.title}>
      <form className="stack" onSubmit={submit}>
        <Input label={t.url} help={t.urlHelp} error={of('url')} type="url" required autoFocus value={url} onValue={setURL} />
        <EventTypesField value={eventTypes} onValue={setEventTypes} />
        <Input label={t.description} error={of('description')} value={description} onValue={setDescription} />
        {elsewhere && <div className="note bad" role="alert">{wordsOf(problem)}</div>}
        <footer className="row end">
          <Button onPress={onClose}>{text.common.cancel}</Button>
          <Button look="primary" type="submit" busy={busy}>{t.create}</Button>
        </footer>
      </form>
    </Dialog>
  )
}
