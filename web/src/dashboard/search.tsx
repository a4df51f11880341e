import { useEffect, useId, useRef, useState, type KeyboardEvent } from 'react'
import { client } from '../api/client'
import { text } from '../text/dashboard'
import { announce, useGo } from '../ui'
import { isShortcut } from './keys'
import { placeOf, type Hit } from './places'

type Found = { hit: Hit; place: string }

/** prepare loads what an id most often leads to, while it is being pasted. */
const prepare = () => {
  void import('../screens/message/page')
  void import('../screens/endpoint/endpoint')
}

/** pause is how long to wait for the next letter: a whole id, and what was pasted, has none. */
const pause = (q: string, pasted: boolean): number => (pasted || /^[a-z]+_\w{20,}$/.test(q) ? 0 : 150)

/** Search goes straight to what an id means: pasted, it needs no click and no key. What has several meanings is listed, and
    the arrows and Enter choose among them. */
export function Search() {
  const box = useRef<HTMLInputElement>(null)
  const id = useId()
  const go = useGo()
  const [value, setValue] = useState('')
  const [pasted, setPasted] = useState(false)
  const [found, setFound] = useState<Found[] | null>(null)
  const [at, setAt] = useState(-1)
  const t = text.shell
  useEffect(() => {
    const onKey = (e: globalThis.KeyboardEvent) => {
      if ((e.key === 'k' && (e.ctrlKey || e.metaKey)) || (e.key === '/' && !e.defaultPrevented && isShortcut(e))) {
        e.preventDefault()
        box.current?.focus()
        box.current?.select()
      }
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
  const leave = (place: string) => {
    setValue('')
    go(place)
    box.current?.blur()
  }
  useEffect(() => {
    const q = value.trim()
    setFound(null)
    setAt(-1)
    if (q.length < 2) return
    const abort = new AbortController()
    const timer = setTimeout(async () => {
      try {
        const { data } = await client.GET('/x/v1/search', { params: { query: { q } }, signal: abort.signal })
        const hits = (data?.data ?? []).flatMap((hit) => {
          const place = placeOf(hit)
          return place === undefined ? [] : [{ hit, place }]
        })
        // A name that is typed may be the beginning of another; an id, and what was pasted, is not.
        const only = hits.length === 1 && (hits[0]!.hit.by === 'id' || pasted) ? hits[0] : undefined
        if (only) leave(only.place)
        else {
          setFound(hits)
          announce(hits.length ? t.found(hits.length) : t.nothingFound)
        }
      } catch {
        if (!abort.signal.aborted) setFound([])
      }
    }, pause(q, pasted))
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
    // go is made anew with each drawing and leads to the same places.
  }, [value, pasted])
  const onKey = (e: KeyboardEvent) => {
    if (e.key === 'Escape') {
      setValue('')
      box.current?.blur()
      return
    }
    if (!found?.length) return
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      e.preventDefault()
      setAt((at + (e.key === 'ArrowDown' ? 1 : at < 0 ? 0 : -1) + found.length) % found.length)
    }
    if (e.key === 'Enter') leave(found[Math.max(0, at)]!.place)
  }
  const open = found !== null
  return (
    <div className="shell-search" role="search">
      <input
        ref={box}
        className="input"
        type="search"
        role="combobox"
        aria-label={t.search}
        aria-expanded={open && found.length > 0}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={open && at >= 0 ? `${id}-${at}` : undefined}
        placeholder={t.search}
        title={t.searchHint}
        autoComplete="off"
        spellCheck={false}
        value={value}
        onChange={(e) => {
          setPasted((e.nativeEvent as InputEvent).inputType === 'insertFromPaste')
          setValue(e.target.value)
        }}
        onFocus={prepare}
        onKeyDown={onKey}
      />
      <div className="shell-hits" id={`${id}-list`} role="listbox" aria-label={t.results} hidden={!open || found.length === 0}>
        {found?.map(({ hit, place }, i) => (
          <div key={hit.kind + hit.id} id={`${id}-${i}`} role="option" aria-selected={i === at} className="shell-hit" onPointerDown={(e) => e.preventDefault()} onClick={() => leave(place)}>
            <span className="ellipsis">{hit.name || hit.id}</span><span className="muted nowrap">{t.kinds[hit.kind as keyof typeof t.kinds] ?? hit.kind}</span>
          </div>
        ))}
      </div>
      {open && found.length === 0 && <div className="shell-hits"><p className="muted">{t.nothingFound}</p></div>}
    </div>
  )
}
