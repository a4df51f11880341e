import { useEffect, type ReactNode } from 'react'
import { ApiError } from '../api/client'
import { text } from '../text'
import { Button } from './button'
import { legible } from './legible'
import { Link } from './link'
import { wordsOf } from './toast'

let product = ''

/** setProduct names the product in the window's title, where it is another one's: the portal is shown by whoever sends. */
export function setProduct(name: string) {
  product = name
}

/** Page is a screen: where one is, its name, what can be done, and its content. */
export function Page({ title, heading, crumbs, actions, children }: {
  title: string
  /** heading replaces the title in sight, not in the window's name. */
  heading?: ReactNode
  crumbs?: { to: string; words: string }[]
  actions?: ReactNode
  children: ReactNode
}) {
  useEffect(() => {
    document.title = `${title} · ${product || text.common.product}`
  }, [title])
  return (
    <div className="page">
      {crumbs && <nav className="crumbs" aria-label={text.common.back}>{crumbs.map((c) => <span key={c.to}><Link to={c.to}><bdi>{legible(c.words)}</bdi></Link><span aria-hidden="true">{' / '}</span></span>)}</nav>}
      <div className="spread">
        <h1>{heading ?? title}</h1>
        {actions && <div className="row">{actions}</div>}
      </div>
      {children}
    </div>
  )
}

/** Nowhere is shown where no screen is. */
export const Nowhere = () => <Page title={text.common.notFound}>{null}</Page>

/** Problem says in place of content why there is none, and what can be done. */
export function Problem({ error, onRetry }: { error: unknown; onRetry?: () => unknown }) {
  const status = error instanceof ApiError ? error.status : -1
  const words = status === 404 ? text.common.notFound : status === 403 ? text.common.notAllowed : wordsOf(error)
  return (
    <div className="card problem stack tight" role="alert">
      <p>{words}</p>
      {onRetry && status !== 404 && status !== 403 && <div><Button icon="replay" onPress={onRetry}>{text.common.retry}</Button></div>}
    </div>
  )
}

/** Empty says that there is nothing, why that is so, and how to have the first. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return <div className="card empty"><h2>{title}</h2>{children && <p>{children}</p>}{action}</div>
}
