// The link of an invitation has its token behind "#", which no browser sends to a server, and
// which leaves the address before anything else is done.
let token = ''

/** takeClaim takes the token out of the address. */
export function takeClaim() {
  if (!/\/claim\/?$/.test(location.pathname)) return
  token = location.hash.slice(1)
  history.replaceState(history.state, '', location.pathname + location.search)
}

export const claimToken = () => token
