// The frame around every screen of the dashboard: navigation, search, preferences; and the
// door, for who is not signed in.
import { Outlet, useRouterState } from '@tanstack/react-router'
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { ApiError, client, type OwnShapes } from '../api/client'
import { session } from '../api/session'
import { useWho, viewerOf, ViewerProvider, type Viewer } from '../api/viewer'
import { text } from '../text'
import { Icon, Link, Loading, Menu, Problem, useGo, usePreference } from '../ui'
import { AccountMenus } from './account/bar'
import { SignIn } from './account/sign-in'
import { navigation } from './navigation'
import './shell.css'

const to: Viewer['to'] = {
  endpoint: (app, endpoint) => `/apps/${app}/endpoints/${endpoint}`,
  message: (app, message) => `/apps/${app}/messages/${message}`,
  eventType: (name) => `/event-types/${encodeURIComponent(name)}`,
}

export function Shell() {
  const state = useSyncExternalStore(session.subscribe, session.state)
  const path = useRouterState({ select: (s) => s.location.pathname })
  if (/\/claim\/?$/.test(path)) return <Outlet /> // whoever it is
  // Another person, or another environment, is another page.
  return state ? <Inside key={state} /> : <SignIn />
}

function Inside() {
  const who = useWho()
  const viewer = useMemo(() => who.data && viewerOf(who.data, to), [who.data])
  // The environment that this browser remembers may be gone.
  const astray = who.error instanceof ApiError && who.error.status === 403 && !session.token() && !session.isInAny()
  useEffect(() => {
    if (astray) session.enter()
  }, [astray])
  if (who.error && !viewer) return <main className="sign-in"><Problem error={who.error} onRetry={who.refetch} /></main>
  if (!viewer) return <Loading />
  return (
    <ViewerProvider value={viewer}>
      <button type="button" className="skip button" onClick={() => document.getElementById('content')?.focus()}>{text.shell.skip}</button>
      <div className="shell">
        <header className="shell-bar">
          <Link className="shell-brand" to="/"><Icon name="send" />{text.common.product}</Link>
          <Search />
          <span style={{ flex: 1 }} />
          <Preferences />
          <AccountMenus />
        </header>
        <Navigation />
        <main id="content" tabIndex={-1}><Outlet /></main>
      </div>
    </ViewerProvider>
  )
}

function Navigation() {
  const path = useRouterState({ select: (s) => s.location.pathname })
  const go = useGo()
  useEffect(() => {
    // "g" and then a letter goes to a screen, as in mail programs.
    let after = 0
    const onKey = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey || isTyping(e.target)) return
      if (e.key === 'g') after = Date.now()
      else if (Date.now() - after < 1500) {
        after = 0
        const found = navigation().find((n) => n.key === e.key)
        if (found) go(found.to)
      }
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  })
  // Of places within one another the inner one is meant.
  const here = navigation().map((n) => n.to).filter((to) => path === to || path.startsWith(`${to}/`)).sort((a, b) => b.length - a.length)[0]
  return (
    <nav className="shell-nav" aria-label={text.shell.mainNavigation}>
      <ul className="plain">
        {navigation().map((n) => (
          <li key={n.to}><Link to={n.to} aria-current={n.to === here ? 'page' : undefined}>{n.words}</Link></li>
        ))}
      </ul>
    </nav>
  )
}

const isTyping = (target: EventTarget | null) => target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))

type Hit = OwnShapes['SearchHit']

// placeOf is the page of what was found; undefined for what has none.
function placeOf(hit: Hit): string | undefined {
  const app = hit.appId ?? ''
  switch (hit.kind) {
    case 'application': return `/apps/${hit.id}`
    case 'endpoint': return to.endpoint(app, hit.id)
    case 'message': return to.message(app, hit.id)
    case 'attempt': return hit.msgId ? `${to.message(app, hit.msgId)}?attempt=${hit.id}` : undefined
    case 'event-type': return to.eventType(hit.id)
    case 'source': return `/sources/${hit.id}`
    default: return undefined
  }
}

// Search goes straight to what an id means: pasted, it needs no click and no key.
function Search() {
  const box = useRef<HTMLInputElement>(null)
  const go = useGo()
  const [value, setValue] = useState('')
  const [hits, setHits] = useState<Hit[] | null>(null)
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if ((e.key === 'k' && (e.ctrlKey || e.metaKey)) || (e.key === '/' && !isTyping(e.target))) {
        e.preventDefault()
        box.current?.focus()
        box.current?.select()
      }
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
  useEffect(() => {
    const q = value.trim()
    setHits(null)
    if (q.length < 2) return
    const abort = new AbortController()
    const timer = setTimeout(async () => {
      try {
        const { data } = await client.GET('/x/v1/search', { params: { query: { q } }, signal: abort.signal })
        const found = data?.data ?? []
        const only = found.length === 1 && found[0]!.by === 'id' ? placeOf(found[0]!) : undefined
        if (only) {
          setValue('')
          go(only)
        } else setHits(found)
      } catch {
        if (!abort.signal.aborted) setHits([])
      }
    }, 150)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
    // go is made anew with each drawing and leads to the same places.
  }, [value])
  return (
    <div className="shell-search" role="search" onKeyDown={(e) => { if (e.key === 'Escape') { setValue(''); box.current?.blur() } }}>
      <input ref={box} className="input" type="search" aria-label={text.shell.search} placeholder={text.shell.search} title={text.shell.searchHint} value={value} onChange={(e) => setValue(e.target.value)} />
      {hits && (
        <div className="shell-hits">
          {hits.length === 0 && <p className="muted" role="status">{text.shell.nothingFound}</p>}
          {hits.map((hit) => {
            const place = placeOf(hit)
            return place && <Link key={hit.kind + hit.id} to={place} onClick={() => setValue('')}><span className="ellipsis">{hit.name || hit.id}</span><span className="muted nowrap">{hit.kind}</span></Link>
          })}
        </div>
      )}
    </div>
  )
}

function Preferences() {
  const [theme, setTheme] = usePreference('theme')
  const [zone, setZone] = usePreference('zone')
  const mark = (on: boolean) => (on ? 'check' as const : undefined)
  return (
    <>
      <Menu words={text.shell.theme} entries={([['auto', text.shell.themeAuto], ['light', text.shell.themeLight], ['dark', text.shell.themeDark]] as const).map(([value, words]) => ({ words, icon: mark(theme === value), onPress: () => setTheme(value) }))} />
      <Menu words={text.shell.timeZone} entries={([['local', text.shell.timeLocal], ['utc', text.shell.timeUTC]] as const).map(([value, words]) => ({ words, icon: mark(zone === value), onPress: () => setZone(value) }))} />
    </>
  )
}
