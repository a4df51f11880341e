import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { client, type OwnShapes } from '../../api/client'
import { text } from '../../text'
import { Button, Dialog, Input, Loading, Problem, Select, Time, useSearch, wordsOf } from '../../ui'
import { useChanged, type Place } from './data'
import { TaskProgress } from './task'

const minute = 60_000
const presets = { '15m': 15 * minute, '1h': 60 * minute, '24h': 24 * 60 * minute, '7d': 7 * 24 * 60 * minute } as const
type Preset = keyof typeof presets

/** Preview is what a replay with dryRun answers. */
type Preview = { count: number; oldest: string | null; newest: string | null; complete: boolean }

/** ReplayDialog sends messages again: first how many, then at what pace, then how far it has come. It is open while the
    address has ?replay=, which names the task once it runs: a link shows the same progress. */
export function ReplayDialog({ place }: { place: Place }) {
  const [search, set] = useSearch()
  const asked = search.replay ?? ''
  const close = () => set({ replay: '' })
  return (
    <Dialog open={asked !== ''} onClose={close} title={text.endpoint.replay}>
      {asked.startsWith('qtask_') ? <Running place={place} id={asked} onClose={close} /> : <Ask place={place} since={asked} onClose={close} onStarted={(id) => set({ replay: id })} />}
    </Dialog>
  )
}

function Running({ place, id, onClose }: { place: Place; id: string; onClose: () => void }) {
  const changed = useChanged(place)
  return <><TaskProgress id={id} onDone={() => void changed()} /><footer><Button onPress={onClose}>{text.common.close}</Button></footer></>
}

function Ask({ place, since: from, onClose, onStarted }: { place: Place; since: string; onClose: () => void; onStarted: (task: string) => void }) {
  const t = text.endpoint
  // ?replay=2026-11-21T10:00:00Z is "since this message".
  const given = Number.isNaN(Date.parse(from)) ? null : new Date(from)
  const [preset, setPreset] = useState<Preset | 'since'>(given ? 'since' : '1h')
  const [since, setSince] = useState(() => given ?? new Date(Date.now() - presets['1h']))
  const [which, setWhich] = useState('failed')
  const [pace, setPace] = useState('')
  const [problem, setProblem] = useState('')
  const body = (dryRun: boolean): OwnShapes['EndpointReplayIn'] => ({ since: since.toISOString(), which, dryRun, ratePerSecond: !dryRun && pace ? Number(pace) : undefined })
  const replay = (dryRun: boolean) => client.POST('/x/v1/app/{app_id}/endpoint/{endpoint_id}/replay', { params: { path: place }, body: body(dryRun) })
  const preview = useQuery({
    queryKey: ['replay', place, since.getTime(), which],
    staleTime: 30_000,
    queryFn: async () => (await replay(true)).data as unknown as Preview,
  })
  const start = async () => {
    setProblem('')
    try {
      onStarted((await replay(false)).data!.id)
    } catch (e) {
      setProblem(wordsOf(e))
    }
  }
  const choose = (p: Preset) => {
    setPreset(p)
    setSince(new Date(Date.now() - presets[p]))
  }
  const count = preview.data?.count
  return (
    <>
      <div className="field">
        <span className="label" id="replay-since">{t.replayFrom}</span>
        <div className="row" role="group" aria-labelledby="replay-since">
          {(Object.keys(presets) as Preset[]).map((p) => <Button key={p} look={preset === p ? 'primary' : undefined} aria-pressed={preset === p} onPress={() => choose(p)}>{t.presets[p]}</Button>)}
          <Button look={preset === 'since' ? 'primary' : undefined} aria-pressed={preset === 'since'} onPress={() => setPreset('since')}>{t.presets.since}</Button>
        </div>
      </div>
      {preset === 'since' && <Input label={t.sinceTime} type="datetime-local" value={localTime(since)} max={localTime(new Date())} onValue={(v) => { if (!Number.isNaN(Date.parse(v))) setSince(new Date(v)) }} />}
      <Select label={t.which} options={[['failed', t.whichOnes.failed], ['missing', t.whichOnes.missing], ['all', t.whichOnes.all]]} value={which} onValue={setWhich} />
      <Input label={t.pace} help={t.paceHelp} type="number" min={1} max={10000} inputMode="numeric" value={pace} onValue={setPace} />
      <div role="status">
        {preview.isPending ? <Loading lines={1} /> : preview.error ? <Problem error={preview.error} onRetry={preview.refetch} /> : (
          <p><strong>{t.replayCount(count!, preview.data.complete)}</strong> {preview.data.oldest && <span className="muted">{t.oldest} <Time at={preview.data.oldest} /></span>}</p>
        )}
      </div>
      {problem && <div className="note bad" role="alert">{problem}</div>}
      <footer>
        <Button onPress={onClose}>{text.common.cancel}</Button>
        <Button look="primary" icon="replay" disabled={!count} onPress={start}>{count ? t.replayNow(count, preview.data!.complete) : t.replay}</Button>
      </footer>
    </>
  )
}

// localTime is what an input of the type datetime-local holds: without a zone, in the browser's.
const localTime = (d: Date) => new Date(d.getTime() - d.getTimezoneOffset() * minute).toISOString().slice(0, 16)
