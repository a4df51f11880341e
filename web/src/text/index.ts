// What people read. English is loaded with the page, in two parts; another language is one file of
// the shape DashboardCatalogue, loaded when it is asked for. ?locale=pseudo shows what is not from
// here, and what has no room for longer words.
import { en } from './en'

/** Loose is a catalogue's shape: the same names, other words. */
export type Loose<T> = T extends string ? string : T extends (...args: infer A) => string ? (...args: A) => string : { [K in keyof T]: Loose<T[K]> }

/** Catalogue is what both pages read. */
export type Catalogue = Loose<typeof en>

const english = { ...en }

const languages: Record<string, () => Promise<object>> = {
  en: () => Promise.resolve(english),
  pseudo: () => Promise.resolve(pseudo(english) as object),
}

const accents: Record<string, string> = { a: 'á', e: 'é', i: 'í', o: 'ó', u: 'ú', A: 'Á', E: 'É', I: 'Í', O: 'Ó', U: 'Ú', c: 'ç', n: 'ñ' }

// pseudo makes each text a third longer and puts it in brackets.
function pseudo(value: unknown): unknown {
  if (value === '') return ''
  if (typeof value === 'string') {
    const longer = value.replace(/[aeiouAEIOUcn]/g, (c) => accents[c] ?? c)
    return `[${longer}${'·'.repeat(Math.ceil(value.length / 3))}]`
  }
  if (Array.isArray(value)) return value.map(pseudo)
  if (typeof value === 'function') return (...args: unknown[]) => pseudo((value as (...args: unknown[]) => string)(...args))
  return Object.fromEntries(Object.entries(value as object).map(([key, inner]) => [key, pseudo(inner)]))
}

/** text is the catalogue of the language in use; it is set once, before the first page is drawn. */
export const text: Catalogue = { ...en }

/** add adds the English that only one page reads, before loadText. */
export function add(own: object): void {
  Object.assign(english, own)
  Object.assign(text, own)
}

/** locale is what Intl is asked with. */
export let locale = 'en'

/** loadText takes the language of ?locale=, else the browser's, else English. */
export async function loadText(): Promise<void> {
  const asked = new URLSearchParams(location.search).get('locale')
  const wanted = [asked, ...navigator.languages].map((l) => l?.split('-')[0] ?? '')
  const found = wanted.find((l) => l in languages) ?? 'en'
  Object.assign(text, await languages[found]!())
  locale = found === 'pseudo' ? 'en' : (navigator.languages.find((l) => l.startsWith(found)) ?? found)
  document.documentElement.lang = locale
}
