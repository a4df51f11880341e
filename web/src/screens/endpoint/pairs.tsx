import { useId } from 'react'
import { text } from '../../text'
import { Button } from '../../ui'

export type Pair = { key: number; name: string; value: string; /** isSet: there is a value that nobody is shown; left empty it stays. */ isSet?: boolean }

let next = 1

export const pairsOf = (record: Record<string, string>): Pair[] => Object.entries(record).map(([name, value]) => ({ key: next++, name, value }))

/** recordOf leaves out rows without a name. */
export const recordOf = (pairs: Pair[]): Record<string, string> => Object.fromEntries(pairs.filter((p) => p.name.trim() !== '').map((p) => [p.name.trim(), p.value]))

/** plainOf is what of them is saved, in no order. */
export const plainOf = (pairs: Pair[]) => pairs.filter((p) => p.name.trim() !== '').map((p) => [p.name.trim(), p.value, Boolean(p.isSet)] as const).sort(([a], [b]) => (a < b ? -1 : 1))

/** Pairs edits names with values: headers, variables. */
export function Pairs({ label, pairs, onPairs }: { label: string; pairs: Pair[]; onPairs: (p: Pair[]) => void }) {
  const id = useId()
  const t = text.endpoint
  const change = (key: number, change: Partial<Pair>) => onPairs(pairs.map((p) => (p.key === key ? { ...p, ...change } : p)))
  return (
    <fieldset className="pairs" aria-labelledby={id}>
      <legend id={id}>{label}</legend>
      {pairs.map((p, i) => (
        // By its place: a row that comes back from the server in the place of the one that was typed keeps the focus.
        <div key={i} className="pair">
          <input className="input" aria-label={t.nameOf(i + 1)} placeholder={t.name} value={p.name} readOnly={p.isSet} spellCheck={false} onChange={(e) => change(p.key, { name: e.target.value })} />
          <input className="input" aria-label={t.valueOf(i + 1)} placeholder={p.isSet ? t.valueIsSet : t.value} value={p.value} spellCheck={false} onChange={(e) => change(p.key, { value: e.target.value })} />
          <Button look="quiet" icon="cross" label={t.removeRow(p.name || String(i + 1))} onPress={() => onPairs(pairs.filter((o) => o.key !== p.key))} />
        </div>
      ))}
      <div><Button icon="plus" onPress={() => onPairs([...pairs, { key: next++, name: '', value: '' }])}>{t.addRow}</Button></div>
    </fieldset>
  )
}
