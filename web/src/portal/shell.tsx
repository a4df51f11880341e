// The frame around every screen of the portal. Who comes without a key has no door here: the
// product whose customer they are makes the link.
import { Outlet, useRouterState } from '@tanstack/react-router'
import { useEffect, useLayoutEffect, useMemo, useSyncExternalStore } from 'react'
import { session } from '../api/session'
import { useWho, viewerOf, ViewerProvider, type Viewer } from '../api/viewer'
import { text } from '../text'
import { Empty, Link, Loading, Menu, Problem, setProduct, usePreference } from '../ui'
import { useSettings } from './brand'
import { isFramed } from './embed'
import { currentLook, wasRefused } from './key'
import { apply, logoOf, nameOf, type Brand } from './look'
import { navigation } from './navigation'
import './shell.css'

export function Shell() {
  const token = useSyncExternalStore(session.subscribe, session.token)
  return token ? <Inside /> : <Outside />
}

// Outside says why nothing is shown. Which product made the link is not known without a key.
function Outside() {
  useEffect(() => {
    document.title = text.portal.webhooks
  }, [])
  const [title, help] = wasRefused() ? [text.portal.keyRefused, text.portal.keyRefusedHelp] : [text.portal.noKey, text.portal.noKeyHelp]
  return <main className="page"><h1 className="sr-only">{text.portal.webhooks}</h1><Empty title={title}>{help}</Empty></main>
}

const to: Viewer['to'] = {
  endpoint: (_, endpoint) => `/endpoints/${endpoint}`,
  message: (_, message) => `/messages/${message}`,
  eventType: (name) => `/event-types/${encodeURIComponent(name)}`,
}

function Inside() {
  const who = useWho()
  const settings = useSettings()
  const brand = settings.data
  const viewer = useMemo(() => who.data && brand && viewerOf(who.data, to, brand), [who.data, brand])
  const look = currentLook()
  useLayoutEffect(() => {
    if (!brand) return
    apply(brand, look)
    setProduct(nameOf(brand) || text.portal.webhooks)
  }, [brand, look])
  const error = (!who.data && who.error) || (!brand && settings.error)
  if (error) return <div className="page"><Problem error={error} onRetry={() => Promise.all([who.refetch(), settings.refetch()])} /></div>
  if (!viewer || !brand) return <div className="page"><Loading /></div>
  if (!viewer.appId) return <main className="page"><Empty title={text.portal.noApplication}>{text.portal.noApplicationHelp}</Empty></main>
  return (
    <ViewerProvider value={viewer}>
      <button type="button" className="skip button" onClick={() => document.getElementById('content')?.focus()}>{text.shell.skip}</button>
      <div className="portal" data-no-gutters={look.noGutters || undefined}>
        {!look.hideNavigation && <Bar brand={brand} />}
        <main id="content" tabIndex={-1}><Outlet /></main>
      </div>
    </ViewerProvider>
  )
}

function Bar({ brand }: { brand: Brand }) {
  const path = useRouterState({ select: (s) => s.location.pathname })
  const logo = logoOf(brand, currentLook())
  const name = nameOf(brand)
  return (
    <header className="portal-bar">
      {(logo || name) && (
        <div className="portal-brand">
          {logo && <img src={logo} alt={name ? '' : text.portal.logo} referrerPolicy="no-referrer" />}
          {name && <span className="ellipsis" title={name}>{name}</span>}
        </div>
      )}
      <nav aria-label={text.shell.mainNavigation}>
        <ul className="plain">
          {navigation().map((n) => (
            <li key={n.to}><Link to={n.to} aria-current={path === n.to || path.startsWith(`${n.to}/`) ? 'page' : undefined}>{n.words}</Link></li>
          ))}
        </ul>
      </nav>
      {!isFramed() && <Preferences />}
    </header>
  )
}

// Inside another page, that page decides about colours (darkMode).
function Preferences() {
  const [theme, setTheme] = usePreference('theme')
  const [zone, setZone] = usePreference('zone')
  const mark = (on: boolean) => (on ? 'check' as const : undefined)
  const themes = [['auto', text.shell.themeAuto], ['light', text.shell.themeLight], ['dark', text.shell.themeDark]] as const
  const zones = [['local', text.shell.timeLocal], ['utc', text.shell.timeUTC]] as const
  return (
    <Menu label={text.portal.preferences} entries={[
      ...themes.map(([value, words]) => ({ words, icon: mark(theme === value), onPress: () => setTheme(value) })),
      ...zones.map(([value, words]) => ({ words, icon: mark(zone === value), onPress: () => setZone(value) })),
    ]} />
  )
}
