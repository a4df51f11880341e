import { useState } from 'react'
import { client, type OwnShapes, type Shapes } from '../api/client'
import { text } from '../text/dashboard'
import { Button, Confirm, Input, toast } from '../ui'

/** PauseButton holds all endpoints of an application, or lets them go on. */
export function PauseButton({ app, hold, onDone }: { app: Shapes['ApplicationOut']; hold: OwnShapes['HoldOut']; onDone: () => unknown }) {
  const [open, setOpen] = useState(false)
  const [note, setNote] = useState('')
  const [rate, setRate] = useState('')
  const t = text.applications
  const params = { path: { app_id: app.id } }
  const held = hold.state === 'held'
  const confirm = async () => {
    if (held) await client.POST('/x/v1/app/{app_id}/resume', { params, body: { drainRate: rate ? Number(rate) : null } })
    else await client.POST('/x/v1/app/{app_id}/pause', { params, body: { note: note || null } })
    toast(held ? t.resumed : t.paused)
    onDone()
  }
  return (
    <>
      <Button icon={held ? 'play' : 'pause'} onPress={() => setOpen(true)}>{held ? t.resume : t.pause}</Button>
      <Confirm open={open} onClose={() => setOpen(false)} title={held ? t.resumeTitle : t.pauseTitle} action={held ? t.resume : t.pause} onConfirm={confirm}>
        <p>{held ? t.resumeHelp(hold.waiting, hold.approximated) : t.pauseHelp}</p>
        {held
          ? <Input label={t.drainRate} help={t.drainRateHelp} type="number" min={1} max={65535} value={rate} onValue={setRate} />
          : <Input label={t.note} help={t.noteHelp} maxLength={500} value={note} onValue={setNote} />}
      </Confirm>
    </>
  )
}
