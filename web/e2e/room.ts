// Whether what a page shows has the room that it needs, and whether its words are from the catalogue.
import type { Page } from 'playwright-core'

/** overflowing are the elements that stand out of the window or of their box, but for those inside a part that scrolls by
    itself; and words that are cut where no "…" says so and nothing tells them in full. */
export const overflowing = (page: Page) => page.evaluate(() => {
  const wide = document.documentElement.scrollWidth > innerWidth ? [`the page is ${document.documentElement.scrollWidth} wide`] : []
  const chain = (e: Element): Element[] => [e, ...(e.parentElement ? chain(e.parentElement) : [])]
  const unseen = (e: Element) => chain(e).some((at) => at.classList.contains('sr-only') || ['svg', 'CANVAS'].includes(at.tagName))
  const cuts = (e: Element) => ['hidden', 'clip'].includes(getComputedStyle(e).overflowX)
  const moves = (e: Element) => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX)
  const all = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().width > 0 && !unseen(e))
  const out = all.filter((e) => {
    const box = e.getBoundingClientRect()
    return (box.right > innerWidth + 1 || box.left < -1) && !chain(e).some((at) => moves(at) || cuts(at))
  })
  const tight = all.filter((e) => e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1 && !moves(e))
  const cut = tight.filter((e) => cuts(e) && !(getComputedStyle(e).textOverflow === 'ellipsis' && (e.closest('[title]') ?? e.querySelector('[title]'))) && !(e instanceof HTMLInputElement))
  // What has words of its own and less room than they need lets them run over its neighbours.
  const over = tight.filter((e) => !cuts(e) && [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent!.trim() !== ''))
  const name = (e: Element) => `${e.scrollWidth} in ${e.clientWidth}: ${e.outerHTML.slice(0, 160)}`
  return [...wide, ...out.slice(0, 5).map((e) => `out: ${name(e)}`), ...cut.slice(0, 5).map((e) => `cut: ${name(e)}`), ...over.slice(0, 5).map((e) => `over: ${name(e)}`)]
})

/** listen has a page keep what the server answers it, from its next load on: what is in that is data. */
export const listen = (page: Page) => page.addInitScript(() => {
  const own = window as unknown as { answers: string }
  const ask = window.fetch
  own.answers = ''
  window.fetch = async (...given) => {
    const answer = await ask(...given)
    if (/json/.test(answer.headers.get('content-type') ?? '')) void answer.clone().text().then((t) => { own.answers += t }, () => {})
    return answer
  }
})

// What Intl writes of moments and numbers.
const written = /\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|AM|PM|ms|min|kB|MB|GB)\b/g

/** literal are the words in sight that are neither in brackets, as those of the pseudo-locale are, nor data of a page that
    was told to listen. */
export async function literal(page: Page): Promise<string[]> {
  const [found, answers] = await page.evaluate(() => {
    const words: string[] = []
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      const e = node.parentElement!
      if (e.closest('script, style, noscript, code, pre, kbd, time, .cm-editor, .uplot, svg, [role=tree]') || !e.checkVisibility()) continue
      words.push(node.textContent!.trim())
    }
    for (const e of document.querySelectorAll('[aria-label], [title], [placeholder], [alt]')) {
      if (e.closest('time, .cm-editor')) continue
      for (const name of ['aria-label', 'title', 'placeholder', 'alt']) words.push(e.getAttribute(name)?.trim() ?? '')
    }
    return [words, (window as unknown as { answers: string }).answers] as const
  })
  const has = (w: string) => answers.includes(JSON.stringify(w).slice(1, -1)) || answers.includes(w)
  // A value may be written as JSON, a field with those that it is in.
  const isData = (w: string) => has(w) || has(w.replace(/^"|"$/g, '')) || w.split('.').every(has)
  const left = (w: string) => w.replace(/\[.*\]/s, '').replace(written, '')
  // Two letters in a row are a word.
  return [...new Set(found)].filter((w) => /\p{L}\p{L}/u.test(left(w)) && !isData(w) && !isData(left(w).trim()))
}
