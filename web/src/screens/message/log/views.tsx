import { useState, type FormEvent } from 'react'
import { text } from '../../../text'
import { Button, Dialog, Input, Menu, useStored } from '../../../ui'
import { toAddress, fromAddress, isNarrowed, type Query } from './query'

type View = { name: string; query: Record<string, string> }

const isViews = (v: unknown): v is View[] => Array.isArray(v) && v.every((one: unknown) => {
  const { name, query } = (one ?? {}) as Partial<View>
  return typeof name === 'string' && typeof query === 'object' && query !== null && Object.values(query).every((value) => typeof value === 'string')
})

/** Views are filters under names, kept in this browser. */
export function Views({ query, onQuery }: { query: Query; onQuery: (q: Query) => void }) {
  const [views, setViews] = useStored<View[]>('messages.views', [], isViews)
  const [naming, setNaming] = useState(false)
  const [name, setName] = useState('')
  const t = text.messages
  const current = views.find((v) => JSON.stringify(fromAddress(v.query)) === JSON.stringify(query))
  const save = (e: FormEvent) => {
    e.preventDefault()
    setViews([...views.filter((v) => v.name !== name.trim()), { name: name.trim(), query: toAddress(query) }])
    setNaming(false)
    setName('')
  }
  return (
    <>
      <Menu words={t.views} entries={[
        ...views.map((v) => ({ words: v.name, icon: v === current ? 'check' as const : undefined, onPress: () => onQuery(fromAddress(v.query)) })),
        { words: t.saveView, icon: 'plus', disabled: !isNarrowed(query), onPress: () => setNaming(true) },
        current && { words: t.removeView(current.name), icon: 'cross', danger: true, onPress: () => setViews(views.filter((v) => v !== current)) },
      ]} />
      <Dialog open={naming} onClose={() => setNaming(false)} title={t.saveView}>
        <form className="stack" onSubmit={save}>
          <Input label={t.viewName} help={t.viewHelp} required maxLength={60} value={name} onValue={setName} />
          <div className="row"><Button look="primary" type="submit">{text.common.save}</Button></div>
        </form>
      </Dialog>
    </>
  )
}
