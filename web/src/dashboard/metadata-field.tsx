import '../screens/endpoint/new.css'
import { text } from '../text/dashboard'
import { Button, Input } from '../ui'

export type Pair = { id: number; key: string; value: string }

let next = 1
const pair = (key: string, value: string): Pair => ({ id: next++, key, value })

export const pairsOf = (metadata: Record<string, string>): Pair[] => Object.entries(metadata).map(([k, v]) => pair(k, v))

/** metadataOf leaves out the lines without a name. */
export const metadataOf = (pairs: Pair[]): Record<string, string> => Object.fromEntries(pairs.filter((p) => p.key !== '').map((p) => [p.key, p.value]))

/** plainOf is what of them is saved, in no order. */
export const plainOf = (pairs: Pair[]) => Object.entries(metadataOf(pairs)).sort(([a], [b]) => (a < b ? -1 : 1))

/** MetadataField is a list of names with values. */
export function MetadataField({ value, onValue, error }: { value: Pair[]; onValue: (v: Pair[]) => void; error?: string }) {
  const t = text.applications
  const set = (id: number, change: Partial<Pair>) => onValue(value.map((p) => (p.id === id ? { ...p, ...change } : p)))
  return (
    <fieldset className="choices">
      <legend>{t.metadata}</legend>
      <p className="muted small">{t.metadataHelp}</p>
      {value.map((p) => (
        <div key={p.id} className="row pair">
          <Input label={t.metadataName} value={p.key} onValue={(key) => set(p.id, { key })} />
          <Input label={t.metadataValue} value={p.value} onValue={(v) => set(p.id, { value: v })} />
          <Button look="quiet" icon="cross" label={t.removeMetadata(p.key)} onPress={() => onValue(value.filter((o) => o.id !== p.id))} />
        </div>
      ))}
      <div className="row"><Button icon="plus" onPress={() => onValue([...value, pair('', '')])}>{t.addMetadata}</Button></div>
      {error && <div className="error" role="alert">{error}</div>}
    </fieldset>
  )
}
