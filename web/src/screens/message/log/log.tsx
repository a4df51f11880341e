// O6: the log of messages, narrowed by what stands in the address.
import { useCallback, useEffect, useState, type ReactNode } from 'react'
import { useViewer } from '../../../api/viewer'
import { text } from '../../../text'
import { Button, Empty, Listing, Loading, Time, useSearch } from '../../../ui'
import { BulkResend } from './bulk-dialog'
import { useColumns } from './columns'
import { useLog } from './data'
import { ExportDialog } from './export-dialog'
import { Facets, FilterChips, SearchBox, StatusSelect, TimeSelect } from './filters'
import { Preview } from './preview'
import { fromAddress, isNarrowed, toAddress, type Query } from './query'
import { LogTable } from './table'
import { Views } from './views'
import './log.css'

/** MessageLog is the log of one application, or of all (""); it is a part of a page. filter stands before the other filters. */
export function MessageLog({ appId, filter }: { appId: string; filter?: ReactNode }) {
  const { may } = useViewer()
  const [search, set] = useSearch()
  const [begun, setBegun] = useState(() => new Date())
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const [sending, setSending] = useState<string[]>([])
  const [exporting, setExporting] = useState(false)
  const [shownColumns, columnMenu] = useColumns(appId !== '')
  const query = fromAddress(search)
  const list = useLog(appId, query, begun)
  const canResend = may('CreateAttempts')
  const preview = search.preview ?? ''
  const t = text.messages
  const narrow = (q: Query) => {
    setSelected(new Set())
    set({ ...toAddress(q), preview: '' }, { push: true })
  }
  const select = useCallback((ids: string[], to: boolean) => setSelected((before) => {
    const next = new Set(before)
    for (const id of ids) if (to) next.add(id)
    else next.delete(id)
    return next
  }), [])
  // A preview in the address may be of a message that is not loaded (yet).
  const appOf = (id: string) => list.rows.find((m) => m.id === id)?.appId ?? appId
  const { follow, looking } = list
  const isEmpty = list.rows.length === 0
  useEffect(() => {
    if (isEmpty && follow && !looking) void follow()
  }, [isEmpty, follow, looking])
  return (
    <div className="stack">
      <div className="log-bar">
        <SearchBox query={query} onQuery={narrow} help={t.searchHelp} />
        {filter}
        <StatusSelect query={query} onQuery={narrow} />
        <TimeSelect query={query} onQuery={narrow} />
        <div className="row">
          <Views query={query} onQuery={narrow} />
          {columnMenu}
          <Button icon="download" onPress={() => setExporting(true)} disabled={list.rows.length === 0}>{t.export}</Button>
          <Button icon="replay" label={t.refresh} onPress={() => setBegun(new Date())} />
        </div>
      </div>
      <FilterChips query={query} onQuery={narrow} />
      <Facets rows={list.rows} query={query} onQuery={narrow} />
      <Listing list={list} whenEmpty={follow ? <Loading /> : isNarrowed(query) ? <Empty title={t.noneFound} action={<Button onPress={() => narrow(fromAddress({}))}>{t.removeAll}</Button>} /> : <Empty title={t.empty}>{t.emptyHelp}</Empty>}>
        <div className="log-line">
          <span className="muted small" role="status">{selected.size > 0 ? t.selected(selected.size) : t.loaded(list.rows.length)}</span>
          {selected.size > 0 && canResend && <Button icon="replay" onPress={() => setSending([...selected])}>{t.resendSelected(selected.size)}</Button>}
          {selected.size > 0 && <Button look="quiet" onPress={() => setSelected(new Set())}>{t.selectNone}</Button>}
          <span className="muted small log-keys">{t.keys}</span>
        </div>
        <div className={preview ? 'log-split' : undefined}>
          <LogTable
            rows={list.rows} columns={preview ? shownColumns.slice(0, 3) : shownColumns} selected={selected} onSelect={select} canResend={canResend}
            previewed={preview} onPreview={(id) => set({ preview: id })} onResend={setSending} onMore={list.follow}
          />
          {preview && appOf(preview) && <Preview key={preview} appId={appOf(preview)} messageId={preview} onClose={() => set({ preview: '' })} />}
        </div>
      </Listing>
      {!list.pending && !list.error && list.more && (
        <div className="row" role="status">
          <span className="muted small">{t.examined(list.examined)} {list.until && <Time at={list.until} full />}</span>
          {!follow && <Button onPress={() => list.more?.()}>{t.lookFurther}</Button>}
        </div>
      )}
      {sending.length > 0 && <BulkResend messages={sending.map((id) => ({ appId: appOf(id), id }))} onClose={() => setSending([])} />}
      {exporting && <ExportDialog asked={list.asked} loaded={list.rows.length} more={list.more !== undefined} onClose={() => setExporting(false)} />}
    </div>
  )
}
