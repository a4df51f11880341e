// The format of server-sent events.

export type StreamEvent = { event: string; id: string; data: string }

/** eventReader takes the text of a stream as it comes, in any pieces, and gives the events that are whole (WHATWG HTML, section 9.2.6). */
export function eventReader(): (piece: string) => StreamEvent[] {
  let rest = ''
  let event = '', id = ''
  let data: string[] = []
  return (piece) => {
    const out: StreamEvent[] = []
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop()!
    for (const line of lines) {
      if (line === '') {
        if (data.length) out.push({ event: event || 'message', id, data: data.join('\n') })
        event = ''
        data = []
        continue
      }
      const colon = line.indexOf(':')
      const field = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
      if (field === 'event') event = value
      else if (field === 'data') data.push(value)
      else if (field === 'id') id = value
    }
    return out
  }
}
