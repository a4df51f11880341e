import { lazy, Suspense } from 'react'
import { Loading } from './table'

// The tree is no part of a page's first load.
const View = lazy(() => import('./json/view'))

/** JsonView shows JSON from its source text: every digit as it came. What is no JSON, or very long, is shown as text. */
export function JsonView(props: { source: string; label: string }) {
  return <Suspense fallback={<Loading />}><View {...props} /></Suspense>
}
