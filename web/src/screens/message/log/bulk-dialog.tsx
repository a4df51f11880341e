import { useEffect, useRef, useState } from 'react'
import { text } from '../../../text'
import { milliseconds, number } from '../../../text/format'
import { Button, Dialog, legible, Progress, toast, toastError } from '../../../ui'
import { resendMany, type BulkProgress, type Which } from './bulk'

/** BulkResend asks to which endpoints, then shows how far it is; closing it stops what was not sent yet. */
export function BulkResend({ messages, onClose }: { messages: { appId: string; id: string }[]; onClose: () => void }) {
  const [which, setWhich] = useState<Which>('failed')
  const [progress, setProgress] = useState<BulkProgress>()
  const [ended, setEnded] = useState(false)
  const abort = useRef<AbortController>(undefined)
  const t = text.messages
  useEffect(() => () => abort.current?.abort(), [])
  const start = () => {
    abort.current = new AbortController()
    setProgress({ done: 0, total: messages.length, sent: 0, refused: 0, startedAt: Date.now() })
    resendMany(messages, which, setProgress, abort.current.signal).then((p) => {
      setProgress(p)
      setEnded(true)
      toast(t.bulkDone(p.sent), p.refused > 0)
    }, toastError)
  }
  const perSecond = progress && progress.done > 0 ? progress.done / Math.max(0.001, (Date.now() - progress.startedAt) / 1000) : undefined
  return (
    <Dialog open onClose={onClose} title={t.bulkTitle(messages.length)} footer={!progress
      ? <><Button onPress={onClose}>{text.common.cancel}</Button><Button look="primary" onPress={start}>{t.bulkStart}</Button></>
      : ended ? <Button look="primary" onPress={onClose}>{text.common.close}</Button> : <Button onPress={() => abort.current?.abort()}>{t.stop}</Button>}
    >
      {!progress ? (
        <fieldset className="log-choice">
          <legend>{t.bulkWhich}</legend>
          {(['failed', 'all'] as const).map((w) => <label key={w} className="row"><input type="radio" name="which" checked={which === w} onChange={() => setWhich(w)} />{w === 'failed' ? t.bulkFailed : t.bulkAll}</label>)}
        </fieldset>
      ) : (
        <div className="stack tight" role="status">
          <Progress share={progress.done / progress.total} label={t.bulkProgress} />
          <p>{t.bulkSoFar(progress.done, progress.total, progress.sent)}</p>
          {!ended && perSecond !== undefined && <p className="muted small">{t.rate(number(perSecond, 1), milliseconds(((progress.total - progress.done) / perSecond) * 1000))}</p>}
          {progress.refused > 0 && <p className="note bad">{t.bulkRefused(progress.refused, legible(progress.because ?? ''))}</p>}
        </div>
      )}
    </Dialog>
  )
}
