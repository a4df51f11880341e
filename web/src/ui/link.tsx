import { Link as RouterLink, useNavigate, useRouterState } from '@tanstack/react-router'
import type { AnchorHTMLAttributes, ReactNode } from 'react'

/** Link leads to a place of this page: `/apps/app_1?tab=settings`. */
export function Link({ to, children, ...rest }: { to: string; children: ReactNode } & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href'>) {
  const [path = '/', query = ''] = to.split('?')
  // The page of a tab is not the page of another tab of the same place.
  return <RouterLink to={path} search={Object.fromEntries(new URLSearchParams(query))} activeOptions={{ exact: true, includeSearch: true }} {...rest}>{children}</RouterLink>
}

/** useGo leads there from code. */
export function useGo(): (to: string, how?: { replace?: boolean }) => void {
  const navigate = useNavigate()
  return (to, how) => {
    const [path = '/', query = ''] = to.split('?')
    void navigate({ to: path, search: Object.fromEntries(new URLSearchParams(query)), replace: how?.replace })
  }
}

/** useQuery is the part of the address behind "?", as texts, and a function that changes some of it: "" takes one away.
    What a page shows is in its address, so that a link shows the same to another person. */
export function useSearch(): [Record<string, string>, (change: Record<string, string>, how?: { push?: boolean }) => void] {
  const search = useRouterState({ select: (s) => s.location.search as Record<string, string> })
  const navigate = useNavigate()
  const set = (change: Record<string, string>, how?: { push?: boolean }) => {
    const next = Object.fromEntries(Object.entries({ ...search, ...change }).filter(([, v]) => v !== ''))
    void navigate({ to: '.', search: next, replace: !how?.push })
  }
  return [search, set]
}
