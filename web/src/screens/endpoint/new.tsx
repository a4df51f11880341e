import { useState } from 'react'
import { client } from '../../api/client'
import { text } from '../../text'
import { Button, Dialog, Form, Input } from '../../ui'
import { EventTypesField } from './event-types-field'
import './new.css'

/** NewEndpoint asks for what an endpoint needs and makes it. */
export function NewEndpoint({ appId, onClose, onMade }: { appId: string; onClose: () => void; onMade: (endpointId: string) => void }) {
  const [url, setURL] = useState('')
  const [description, setDescription] = useState('')
  const [eventTypes, setEventTypes] = useState<string[]>([])
  const t = text.newEndpoint
  const create = async () => {
    const { data } = await client.POST('/api/v1/app/{app_id}/endpoint', {
      params: { path: { app_id: appId } },
      body: { url: url.trim(), description, eventTypes: eventTypes.length ? eventTypes : null },
    })
    onMade(data!.id)
  }
  return (
    <Dialog open onClose={onClose} title={t.title}>
      <Form onSave={create} footer={(busy) => (
        <footer className="row end">
          <Button onPress={onClose}>{text.common.cancel}</Button>
          <Button look="primary" type="submit" busy={busy}>{t.create}</Button>
        </footer>
      )}>
        {(errorAt) => (
          <>
            <Input label={t.url} help={t.urlHelp} error={errorAt('url')} type="url" required autoFocus value={url} onValue={setURL} />
            <EventTypesField value={eventTypes} onValue={setEventTypes} />
            <Input label={t.description} error={errorAt('description')} value={description} onValue={setDescription} />
          </>
        )}
      </Form>
    </Dialog>
  )
}
