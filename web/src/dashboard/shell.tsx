// The frame around every screen of the dashboard: navigation, search, preferences; and the
// door, for who is not signed in.
import { Outlet, useRouterState } from '@tanstack/react-router'
import { useEffect, useMemo, useSyncExternalStore } from 'react'
import { ApiError } from '../api/client'
import { session } from '../api/session'
import { useWho, viewerOf, ViewerProvider } from '../api/viewer'
import { text } from '../text/dashboard'
import { announce, Button, Icon, Link, Loading, Menu, Problem, usePreference } from '../ui'
import { AccountMenus } from './account/bar'
import { SignIn } from './account/sign-in'
import { Keyboard } from './keyboard'
import { Navigation } from './navigation-list'
import { to } from './places'
import { Search } from './search'
import './shell.css'

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
          <Updates />
          <Preferences />
          <AccountMenus />
          <Keyboard />
        </header>
        <Navigation />
        <main id="content" tabIndex={-1}><Outlet /></main>
      </div>
    </ViewerProvider>
  )
}

/** Updates has all pages stand still, or follow what happens. */
function Updates() {
  const [updates, setUpdates] = usePreference('updates')
  const t = text.shell
  const isPaused = updates === 'paused'
  const press = () => {
    setUpdates(isPaused ? 'live' : 'paused')
    announce(isPaused ? t.updatesOn : t.updatesOff)
  }
  return <Button look="quiet" icon={isPaused ? 'pause' : 'live'} onPress={press} aria-label={isPaused ? t.goOnUpdating : t.pauseUpdates} title={isPaused ? t.goOnUpdating : t.pauseUpdates}>{isPaused ? t.updatesPaused : t.updatesLive}</Button>
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
