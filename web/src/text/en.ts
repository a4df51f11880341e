// English. Each screen has a section; what takes a value is a function. Numbers, dates and
// plurals go through Intl (format.ts).
import { count } from './format'

export const en = {
  common: {
    product: 'Hookloft',
    save: 'Save',
    cancel: 'Cancel',
    close: 'Close',
    copy: 'Copy',
    copied: 'Copied',
    remove: 'Remove',
    edit: 'Edit',
    back: 'Back',
    more: 'More',
    loadMore: 'Load more',
    loading: 'Loading',
    retry: 'Try again',
    none: 'none',
    unknown: 'unknown',
    asTable: 'View as table',
    asChart: 'View as chart',
    noAnswer: 'The server does not answer.',
    notAllowed: 'You may not do this.',
    notFound: 'This does not exist, or is not yours to see.',
    unsaved: 'There are changes that are not saved.',
    editorHelp: 'Tab indents. Press Escape and then Tab to leave the editor.',
    inTime: (when: string) => `in ${when}`,
    items: (n: number) => count(n, 'item', 'items'),
  },
  states: {
    active: 'Active',
    failing: 'Failing',
    paused: 'Paused',
    disabled: 'Disabled',
    pending: 'Pending',
    sending: 'Sending',
    delivered: 'Delivered',
    failed: 'Failed',
    held: 'Held',
    cancelled: 'Cancelled',
    retrying: 'Retrying',
    running: 'Running',
    finished: 'Finished',
  },
  shell: {
    skip: 'Skip to content',
    mainNavigation: 'Main',
    search: 'Search by id, name or URL',
    searchHint: 'Any id finds its page: msg_, ep_, app_, atmpt_, src_, or a name of yours.',
    nothingFound: 'Nothing has this id or name.',
    theme: 'Theme',
    themeAuto: 'As the system',
    themeLight: 'Light',
    themeDark: 'Dark',
    timeZone: 'Time zone',
    timeLocal: 'Local time',
    timeUTC: 'UTC',
    keyboard: 'Keyboard shortcuts',
    signOut: 'Sign out',
    overview: 'Overview',
    applications: 'Applications',
  },
  signIn: {
    title: 'Sign in',
    token: 'API token',
    tokenHelp: 'A token that hookloft token create printed. It stays in this tab.',
    submit: 'Sign in',
    refused: 'The server does not know this token.',
  },
  // O1
  start: {},
  // O2
  overview: {},
  // O3, O4
  applications: {
    title: 'Applications',
    empty: 'No application yet',
    emptyHelp: 'An application is a customer of yours: it owns endpoints, and messages are sent to it.',
    name: 'Name',
    uid: 'Your id',
    id: 'Id',
    created: 'Created',
  },
  // O5, P1 to P3
  endpoint: {},
  // charts
  charts: {},
  // O6
  messages: {},
  // O7, P5
  message: {},
  // O8
  issues: {},
  // O9
  live: {},
  // O10, P6
  eventTypes: {},
  // O11
  sources: {},
  // O13
  tasks: {},
  // O14
  settings: {},
  // members, sessions, passwords
  account: {},
  // O15
  system: {},
  // what only the portal has
  portal: {
    noKey: 'This page needs a link',
    noKeyHelp: 'Open it from the product that sends you webhooks; the link may have expired.',
    endpoints: 'Endpoints',
    noEndpoint: 'No endpoint yet',
    noEndpointHelp: 'An endpoint is a URL of yours to which events are sent.',
    url: 'URL',
    description: 'Description',
  },
}
