import { useId, useRef, useState, useEffect } from 'react'
import { text } from '../../text'
import { Button, Input, legible } from '../../ui'
import './picker.css'
import { namesBelow, treeOf, type Branch } from './names'

/** EventTypePicker chooses event types in a tree by the parts of their names; none chosen means all of them. */
export function EventTypePicker({ types, value, onValue }: {
  types: { name: string; description?: string }[]
  value: string[]
  onValue: (names: string[]) => void
}) {
  const [find, setFind] = useState('')
  const t = text.portal
  const about = new Map(types.map((e) => [e.name, e.description]))
  // What is chosen stays in sight, though the catalogue has it no more.
  const names = [...about.keys(), ...value].filter((n) => n.toLowerCase().includes(find.trim().toLowerCase()))
  return (
    <fieldset className="card picker">
      <legend>{t.events}</legend>
      <p className="muted" role="status">{value.length ? t.eventsChosen(value.length) : t.eventsAll}</p>
      {about.size > 8 && <Input label={t.eventsFind} type="search" value={find} onValue={setFind} />}
      <Branches list={treeOf(names)} value={value} onValue={onValue} about={about} openAll={find !== '' || names.length <= 24} />
      {value.length > 0 && <div><Button onPress={() => onValue([])}>{t.eventsClear}</Button></div>}
    </fieldset>
  )
}

type Shared = { value: string[]; onValue: (names: string[]) => void; about: Map<string, string | undefined>; openAll: boolean }

function Branches({ list, ...rest }: Shared & { list: Branch[] }) {
  return <ul className="plain picker-list">{list.map((b) => <Node key={b.path} branch={b} {...rest} />)}</ul>
}

function Node({ branch, ...rest }: Shared & { branch: Branch }) {
  const { value, onValue, about, openAll } = rest
  const names = namesBelow(branch)
  const chosen = names.filter((n) => value.includes(n))
  const [opened, setOpened] = useState<boolean>()
  const open = opened ?? (openAll || (chosen.length > 0 && chosen.length < names.length))
  const box = useRef<HTMLInputElement>(null)
  const id = useId()
  const isGroup = branch.below.length > 0
  useEffect(() => {
    box.current!.indeterminate = chosen.length > 0 && chosen.length < names.length
  })
  const change = (on: boolean) => onValue(on ? [...new Set([...value, ...names])] : value.filter((v) => !names.includes(v)))
  return (
    <li>
      <div className="picker-row">
        {isGroup ? <Button look="quiet" icon={open ? 'down' : 'right'} label={text.portal.eventsBelow(legible(branch.path))} aria-expanded={open} onPress={() => setOpened(!open)} /> : <span className="picker-gap" />}
        <input ref={box} id={id} type="checkbox" checked={chosen.length === names.length} onChange={(e) => change(e.target.checked)} aria-describedby={!isGroup && about.get(branch.path) ? `${id}-about` : undefined} />
        <label htmlFor={id}>
          <bdi>{legible(branch.part)}</bdi>
          {isGroup && <span className="muted">{' '}{text.portal.eventsOf(chosen.length, names.length)}</span>}
        </label>
        {!isGroup && about.get(branch.path) && <span className="muted small picker-about" id={`${id}-about`}>{legible(about.get(branch.path)!)}</span>}
      </div>
      {isGroup && open && (
        <>
          {branch.name !== undefined && <Own name={branch.name} {...rest} />}
          <Branches list={branch.below} {...rest} />
        </>
      )}
    </li>
  )
}

// Own is an event type whose name is also the beginning of others.
function Own({ name, value, onValue }: Shared & { name: string }) {
  const id = useId()
  return (
    <ul className="plain picker-list"><li><div className="picker-row">
      <span className="picker-gap" />
      <input id={id} type="checkbox" checked={value.includes(name)} onChange={(e) => onValue(e.target.checked ? [...value, name] : value.filter((v) => v !== name))} />
      <label htmlFor={id}>{text.portal.eventsItself(legible(name))}</label>
    </div></li></ul>
  )
}
