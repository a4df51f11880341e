import { useState } from 'react'
import { client } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { Button, Confirm, Dialog, Input, Menu, prepareCodeEditor, toast, useGo, useSearch } from '../../ui'
import { useChanged, useHold, type Endpoint, type Place } from './data'
import { SendExample } from './example'
import { ReplayDialog } from './replay'

type Open = '' | 'example' | 'pause' | 'resume' | 'disable' | 'delete'

/** Actions are what can be done to an endpoint from any of its tabs. */
export function Actions({ place, endpoint, home }: { place: Place; endpoint: Endpoint; home: string }) {
  const viewer = useViewer()
  const hold = useHold(place)
  const changed = useChanged(place)
  const [, set] = useSearch()
  const [open, setOpen] = useState<Open>('')
  const close = () => setOpen('')
  const t = text.endpoint
  const manages = viewer.may('ManageEndpoint')
  const again = viewer.may('CreateAttempts')
  const path = { params: { path: place } }
  const isOwnHold = hold.data?.state === 'held' && hold.data.by === 'endpoint'
  const patch = async (disabled: boolean) => {
    await client.PATCH('/api/v1/app/{app_id}/endpoint/{endpoint_id}', { ...path, body: { disabled } })
    await changed()
  }
  const copy = async () => {
    await navigator.clipboard.writeText(endpoint.id)
    toast(text.common.copied)
  }
  return (
    <>
      {again && <Button icon="send" disabled={endpoint.disabled} title={endpoint.disabled ? t.whileDisabled : undefined} onPointerEnter={prepareCodeEditor} onFocus={prepareCodeEditor} onPress={() => setOpen('example')}>{t.sendExample}</Button>}
      {again && <Button icon="replay" disabled={endpoint.disabled} title={endpoint.disabled ? t.whileDisabled : undefined} onPress={() => set({ replay: 'ask' })}>{t.replay}</Button>}
      {manages && !endpoint.disabled && (isOwnHold || hold.data?.state === 'draining'
        ? <Button icon="play" onPress={() => setOpen('resume')}>{t.resume}</Button>
        : <Button icon="pause" disabled={!hold.data} onPress={() => setOpen('pause')}>{t.pause}</Button>)}
      {manages && endpoint.disabled && <Button icon="play" onPress={() => patch(false)}>{t.enable}</Button>}
      <Menu entries={[
        { words: t.copyId, icon: 'copy', onPress: copy },
        manages && !endpoint.disabled && { words: t.disable, icon: 'stop', onPress: () => setOpen('disable') },
        manages && { words: t.delete, icon: 'cross', danger: true, onPress: () => setOpen('delete') },
      ]} />
      <SendExample place={place} endpoint={endpoint} open={open === 'example'} onClose={close} />
      {again && <ReplayDialog place={place} />}
      <PauseDialog place={place} open={open === 'pause'} onClose={close} />
      <ResumeDialog place={place} open={open === 'resume'} waiting={hold.data?.waiting ?? 0} onClose={close} />
      <Confirm open={open === 'disable'} onClose={close} title={t.disable} action={t.disable} danger onConfirm={() => patch(true)}><p>{t.disableHelp}</p></Confirm>
      <DeleteDialog place={place} endpoint={endpoint} home={home} open={open === 'delete'} onClose={close} />
    </>
  )
}

function PauseDialog({ place, open, onClose }: { place: Place; open: boolean; onClose: () => void }) {
  const [note, setNote] = useState('')
  const changed = useChanged(place)
  const t = text.endpoint
  const pause = async () => {
    await client.POST('/x/v1/app/{app_id}/endpoint/{endpoint_id}/pause', { params: { path: place }, body: { note: note || undefined } })
    await changed()
  }
  return (
    <Confirm open={open} onClose={onClose} title={t.pauseTitle} action={t.pauseNow} onConfirm={pause}>
      <p>{t.pauseHelp}</p>
      <Input label={t.note} help={t.noteHelp} value={note} onValue={setNote} maxLength={200} />
    </Confirm>
  )
}

function ResumeDialog({ place, open, waiting, onClose }: { place: Place; open: boolean; waiting: number; onClose: () => void }) {
  const [pace, setPace] = useState('')
  const changed = useChanged(place)
  const t = text.endpoint
  const resume = async () => {
    await client.POST('/x/v1/app/{app_id}/endpoint/{endpoint_id}/resume', { params: { path: place }, body: { drainRate: pace ? Number(pace) : undefined } })
    await changed()
  }
  return (
    <Confirm open={open} onClose={onClose} title={t.resumeTitle} action={t.resumeNow} onConfirm={resume}>
      <p>{t.resumeHelp(waiting)}</p>
      <Input label={t.pace} help={t.paceHelp} type="number" min={1} max={65535} inputMode="numeric" value={pace} onValue={setPace} />
    </Confirm>
  )
}

function DeleteDialog({ place, endpoint, home, open, onClose }: { place: Place; endpoint: Endpoint; home: string; open: boolean; onClose: () => void }) {
  const [typed, setTyped] = useState('')
  const go = useGo()
  const t = text.endpoint
  const name = hostOf(endpoint.url)
  const remove = async () => {
    await client.DELETE('/api/v1/app/{app_id}/endpoint/{endpoint_id}', { params: { path: place } })
    toast(t.deleted)
    go(home, { replace: true })
  }
  return (
    <Dialog open={open} onClose={onClose} title={t.deleteTitle} footer={<><Button onPress={onClose}>{text.common.cancel}</Button><Button look="danger" disabled={typed.trim() !== name} onPress={remove}>{t.delete}</Button></>}>
      <p>{t.deleteHelp}</p>
      <Input label={t.typeToDelete(name)} value={typed} onValue={setTyped} autoComplete="off" spellCheck={false} />
    </Dialog>
  )
}

// hostOf is what a person types to delete an endpoint: short, and of this one.
function hostOf(url: string): string {
  try {
    return new URL(url).host
  } catch {
    return url
  }
}
