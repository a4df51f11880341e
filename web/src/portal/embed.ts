// Inside a frame: the page that shows it may give the frame as much room as is needed. The message is that of
// svix-react (AppPortal with fullSize), whose own least height is 650 pixels.

const least = 650

/** isFramed says whether another page shows this one. */
export const isFramed = (): boolean => window.parent !== window

/** reportHeight tells the outer page how tall the content is, whenever that changes. Who the outer page is, is not known
    here, and a number of pixels is no secret; who may be it, the frame-ancestors of the page's policy say. */
export function reportHeight() {
  if (!isFramed()) return
  document.documentElement.dataset.framed = ''
  const root = document.getElementById('root')!
  let last = 0
  const tell = () => {
    const height = Math.max(least, Math.ceil(root.getBoundingClientRect().height))
    if (height === last) return
    last = height
    window.parent.postMessage({ type: 'svix.iframe-resizer-height', payload: { height } }, '*')
  }
  new ResizeObserver(tell).observe(root)
  tell()
}
