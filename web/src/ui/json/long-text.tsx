import { useMemo, useState, type ReactNode } from 'react'
import { text } from '../../text'
import { Button } from '../button'
import { legible } from '../legible'
import { FindBar } from './find'

// A browser lays out some ten thousand characters at once without a pause; more come when asked for.
const piece = 40_000
const before = 2000

function places(source: string, words: string): number[] {
  const found: number[] = []
  if (!words) return found
  const all = source.toLowerCase()
  const wanted = words.toLowerCase()
  for (let at = all.indexOf(wanted); at >= 0 && found.length < 1000; at = all.indexOf(wanted, at + wanted.length)) found.push(at)
  return found
}

/** LongText shows text of any length: a window of it, that search moves. */
export function LongText({ source, label, tools }: { source: string; label: string; tools: ReactNode }) {
  const [from, setFrom] = useState(0)
  const [to, setTo] = useState(piece)
  const [words, setWords] = useState('')
  const [hit, setHit] = useState(0)
  const hits = useMemo(() => places(source, words), [source, words])
  const t = text.json
  const show = (at: number | undefined) => {
    if (at === undefined || (at >= from && at + words.length <= to)) return
    setFrom(Math.max(0, at - before))
    setTo(at - before + piece)
  }
  const find = (value: string) => {
    setWords(value)
    setHit(0)
    show(places(source, value)[0])
  }
  const step = (by: 1 | -1) => {
    const next = (hit + by + hits.length) % hits.length
    setHit(next)
    show(hits[next])
  }
  const at = hits[hit]
  const marked = at !== undefined && at >= from && at < to
  const end = Math.min(to, source.length)
  return (
    <>
      <FindBar value={words} onValue={find} at={hit} of={hits.length} onStep={step} label={label}>{tools}</FindBar>
      <div className="json-body json-text" role="region" aria-label={label} tabIndex={0} dir="ltr">
        {from > 0 && <Button look="quiet" onPress={() => setFrom(Math.max(0, from - piece))}>{t.earlier}</Button>}
        <pre>
          {marked
            ? <>{legible(source.slice(from, at))}<mark ref={(m) => m?.scrollIntoView({ block: 'nearest' })}>{legible(source.slice(at, at + words.length))}</mark>{legible(source.slice(at + words.length, end))}</>
            : legible(source.slice(from, end))}
        </pre>
        {end < source.length && <Button look="quiet" onPress={() => setTo(end + piece)}>{t.later(source.length - end)}</Button>}
      </div>
    </>
  )
}
