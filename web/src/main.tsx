// How both pages begin: language, theme, data, places.
import { QueryClientProvider } from '@tanstack/react-query'
import { createRouter, RouterProvider, type AnyRoute } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { ApiError, baseURL } from './api/client'
import { session } from './api/session'
import { Queries } from './api/updates'
import { loadText } from './text'
import { Announcer, applyTheme, Toasts } from './ui'

const flat = (search: Record<string, unknown>): string => {
  const pairs = Object.entries(search).filter(([, v]) => v !== undefined && v !== '')
  return pairs.length ? `?${new URLSearchParams(pairs.map(([k, v]) => [k, String(v)]))}` : ''
}

/** queries asks again when what is shown is old; what the server refuses is not asked twice. */
export const queries = new Queries({
  defaultOptions: {
    queries: {
      staleTime: 5000,
      retry: (times, e) => times < 2 && !(e instanceof ApiError && e.status >= 400 && e.status < 500),
    },
  },
})

/** run draws a page below its route tree. below is where the page stands under the server's base: '' or '/app-portal'.
    enter is what has to be done with the address before anything is drawn. */
export async function run(routeTree: AnyRoute, below = '', enter: () => Promise<void> = async () => {}): Promise<void> {
  applyTheme()
  session.restore()
  await Promise.all([loadText(), enter()])
  const router = createRouter({
    routeTree,
    basepath: new URL(baseURL).pathname.replace(/\/$/, '') + below || '/',
    parseSearch: (s) => Object.fromEntries(new URLSearchParams(s)),
    stringifySearch: flat,
    scrollRestoration: true,
    // A screen is loaded while the pointer rests on its link, or the focus does.
    defaultPreload: 'intent',
  })
  session.subscribe(() => queries.clear())
  createRoot(document.getElementById('root')!).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
        <Toasts />
        <Announcer />
      </QueryClientProvider>
    </StrictMode>,
  )
}
