import { useEffect, useRef, useState } from 'react'
import { text } from '../../../text'
import { number } from '../../../text/format'
import { Button, Dialog, download, Progress, toastError } from '../../../ui'
import { askText, type Asked } from './data'
import { csvHead, lineOf, readPage, type Format } from './export'

// A browser keeps the file in memory until it is saved.
const mostRows = 100_000

/** ExportDialog writes what the filters show into a file, the rows that are loaded or all of them. */
export function ExportDialog({ asked, loaded, more, onClose }: { asked: Asked; loaded: number; more: boolean; onClose: () => void }) {
  const [format, setFormat] = useState<Format>('ndjson')
  const [all, setAll] = useState(false)
  const [written, setWritten] = useState<number>()
  const [startedAt, setStartedAt] = useState(0)
  const abort = useRef<AbortController>(undefined)
  const t = text.messages
  useEffect(() => () => abort.current?.abort(), [])
  const start = async () => {
    const { signal } = (abort.current = new AbortController())
    const limit = all ? mostRows : loaded
    const lines: string[] = format === 'csv' ? [csvHead] : []
    let count = 0
    let iterator: string | undefined
    setStartedAt(Date.now())
    setWritten(0)
    try {
      do {
        const page = readPage(await askText(asked, iterator, signal))
        for (const row of page.rows.slice(0, limit - count)) lines.push(lineOf(format, row))
        count += Math.min(page.rows.length, limit - count)
        setWritten(count)
        iterator = page.done ? undefined : page.iterator
      } while (iterator && count < limit && !signal.aborted)
      download(`messages.${format}`, lines.join(''), format === 'csv' ? 'text/csv' : 'application/x-ndjson')
      onClose()
    } catch (e) {
      setWritten(undefined)
      if (!signal.aborted) toastError(e)
    }
  }
  const perSecond = written ? written / Math.max(0.001, (Date.now() - startedAt) / 1000) : undefined
  return (
    <Dialog open onClose={onClose} title={t.exportTitle} footer={written === undefined
      ? <><Button onPress={onClose}>{text.common.cancel}</Button><Button look="primary" icon="download" onPress={start}>{t.exportStart}</Button></>
      : <Button onPress={() => abort.current?.abort()}>{t.stop}</Button>}
    >
      {written === undefined ? (
        <>
          <fieldset className="log-choice">
            <legend>{t.exportFormat}</legend>
            {(['ndjson', 'csv'] as const).map((f) => <label key={f} className="row"><input type="radio" name="format" checked={format === f} onChange={() => setFormat(f)} />{t.formats[f]}</label>)}
          </fieldset>
          <fieldset className="log-choice">
            <legend>{t.exportWhich}</legend>
            <label className="row"><input type="radio" name="which" checked={!all} onChange={() => setAll(false)} />{t.exportLoaded(loaded)}</label>
            <label className="row"><input type="radio" name="which" checked={all} disabled={!more} onChange={() => setAll(true)} />{t.exportAll(mostRows)}</label>
          </fieldset>
        </>
      ) : (
        <div className="stack tight" role="status">
          <Progress share={all ? null : written / Math.max(1, loaded)} label={t.exportTitle} />
          <p>{t.exported(written)} {perSecond !== undefined && <span className="muted">{t.perSecond(number(perSecond))}</span>}</p>
        </div>
      )}
    </Dialog>
  )
}
