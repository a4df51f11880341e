import { useEffect, useId, useRef, useState } from 'react'
import { client } from '../../api/client'
import { useList } from '../../api/list'
import { text } from '../../text'
import { Button, Input } from '../../ui'
import './endpoint.css'
import { treeOf, typesOf, type Branch } from './tree'

/** EventTypePicker chooses event types in a tree by their dots. An empty list is all of them, as in the API. */
export function EventTypePicker({ value, onValue, disabled }: { value: string[]; onValue: (v: string[]) => void; disabled?: boolean }) {
  const t = text.endpoint
  const id = useId()
  const [onlySome, setOnlySome] = useState(value.length > 0)
  const [words, setWords] = useState('')
  const list = useList(['event-types', 'picker'], (iterator) => client.GET('/api/v1/event-type', { params: { query: { limit: 250, iterator } } }))
  const names = [...list.rows.map((e) => e.name), ...value]
  const tree = treeOf(names.filter((n) => n.toLowerCase().includes(words.trim().toLowerCase())))
  const choose = (some: boolean) => {
    setOnlySome(some)
    if (!some) onValue([])
  }
  return (
    <fieldset className="picker" disabled={disabled}>
      <legend>{t.eventTypes}</legend>
      <label><input type="radio" name={id} checked={!onlySome} onChange={() => choose(false)} /> {t.allEvents}</label>
      <label><input type="radio" name={id} checked={onlySome} onChange={() => choose(true)} /> {t.someEvents(value.length)}</label>
      {onlySome && (
        <>
          {(list.rows.length > 12 || words) && <Input label={t.findEventType} type="search" value={words} onValue={setWords} />}
          {tree.length === 0 && !list.pending && <p className="muted">{t.noEventTypes}</p>}
          <ul className="plain picker-tree">{tree.map((b) => <Row key={b.path} branch={b} value={value} onValue={onValue} />)}</ul>
          {list.more && <div><Button onPress={list.more}>{text.common.loadMore}</Button></div>}
          {value.length === 0 && <p className="muted" role="status">{t.noneChosen}</p>}
        </>
      )}
    </fieldset>
  )
}

function Row({ branch, value, onValue }: { branch: Branch; value: string[]; onValue: (v: string[]) => void }) {
  const box = useRef<HTMLInputElement>(null)
  const types = typesOf(branch)
  const chosen = types.filter((n) => value.includes(n)).length
  const some = chosen > 0 && chosen < types.length
  useEffect(() => {
    if (box.current) box.current.indeterminate = some
  }, [some])
  const isGroup = branch.children.length > 0
  const set = (names: string[], on: boolean) => onValue(on ? [...value, ...names.filter((n) => !value.includes(n))] : value.filter((n) => !names.includes(n)))
  return (
    <li>
      <label>
        <input ref={box} type="checkbox" checked={chosen === types.length} onChange={(e) => set(types, e.target.checked)} />{' '}
        {isGroup ? <strong>{branch.label}</strong> : <code>{branch.label}</code>}
        {isGroup && <span className="muted"> {text.endpoint.chosenOf(chosen, types.length)}</span>}
      </label>
      {isGroup && (
        <ul className="plain">
          {branch.isType && <Row branch={{ ...branch, children: [] }} value={value} onValue={onValue} />}
          {branch.children.map((c) => <Row key={c.path} branch={c} value={value} onValue={onValue} />)}
        </ul>
      )}
    </li>
  )
}
