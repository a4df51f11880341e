import { text } from '../../text/dashboard'
import { Chip, Input, Table, useSearch } from '../../ui'
import type { System } from './data'

type Setting = NonNullable<System['settings']>[number]

/** Settings are the knobs of the process with where each was set. Secrets only say whether they are. */
export function Settings({ settings }: { settings: Setting[] }) {
  const t = text.system
  const [search, setSearch] = useSearch()
  const q = (search.setting ?? '').trim().toLowerCase()
  const found = settings.filter((s) => `${s.name} ${s.value ?? ''} ${s.why}`.toLowerCase().includes(q))
  return (
    <section className="stack tight" aria-labelledby="system-settings">
      <h2 id="system-settings">{t.settings}</h2>
      <p className="muted">{t.settingsHelp}</p>
      <Input label={t.findSetting} type="search" value={search.setting ?? ''} onValue={(v) => setSearch({ setting: v })} />
      <p role="status" className="muted small">{t.found(found.length, settings.length)}</p>
      {found.length > 0 && (
        <Table<Setting> label={t.settings} rows={found} rowKey={(s) => s.name} columns={[
          { head: t.setting, cell: (s) => <span className="mono">{s.name}</span> },
          { head: t.value, cell: (s) => <Value of={s} /> },
          { head: t.origin, cell: (s) => <Origin of={s} /> },
          { head: t.why, className: 'system-why', cell: (s) => s.why },
        ]} />
      )}
    </section>
  )
}

function Origin({ of: s }: { of: Setting }) {
  const t = text.system
  if (s.origin) return <>{(t.origins as Record<string, string>)[s.origin] ?? s.origin}</>
  return <span className="muted">{s.secret && s.set ? t.itsFile : t.atDefault}</span>
}

function Value({ of: s }: { of: Setting }) {
  const t = text.system
  if (s.secret) return s.set ? <Chip tone="ok" icon="key">{t.isSet}</Chip> : <span className="muted">{t.notSet}</span>
  return s.value ? <span className="system-value">{s.value}</span> : <span className="muted">{t.empty}</span>
}
