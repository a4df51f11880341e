// Whether pages that refresh by themselves do so: one switch for all of them (WCAG 2.2.2). It works where the options of a query
// get their defaults, so no screen has to know of it. A screen that waits for the outcome of what a person just did
// goes on: meta: { always: true }.
import { QueryClient, type DefaultedQueryObserverOptions } from '@tanstack/react-query'

let isStill: () => boolean = () => false

type Options = { _defaulted?: boolean; meta?: Record<string, unknown>; refetchInterval?: unknown; refetchOnWindowFocus?: unknown; refetchOnReconnect?: unknown }

/** unlessStill is a setting of a query that says no while pages stand still. */
const unlessStill = (setting: unknown, otherwise: unknown) => (query: unknown) =>
  (isStill() ? false : typeof setting === 'function' ? (setting as (q: unknown) => unknown)(query) : setting ?? otherwise)

/** Queries is a QueryClient whose queries are asked again by themselves only while pages do not stand still. */
export class Queries extends QueryClient {
  override defaultQueryOptions(options: never) {
    const given = options as Options
    const out = super.defaultQueryOptions(options) as Options
    if (!given._defaulted && !out.meta?.always) {
      out.refetchInterval = unlessStill(out.refetchInterval, false)
      out.refetchOnWindowFocus = unlessStill(out.refetchOnWindowFocus, true)
      out.refetchOnReconnect = unlessStill(out.refetchOnReconnect, true)
    }
    return out as DefaultedQueryObserverOptions as never
  }

  /** obey has the queries follow a switch: paused says how it stands, subscribe tells of each change. */
  obey(paused: () => boolean, subscribe: (changed: () => void) => void) {
    isStill = paused
    let was = paused()
    subscribe(() => {
      if (paused() === was) return
      was = paused()
      // Each observer looks at its interval anew.
      for (const query of this.getQueryCache().getAll()) for (const o of query.observers) o.setOptions(o.options)
      if (!was) void this.refetchQueries({ type: 'active', stale: true })
    })
  }
}
