// The format of server-sent events.

export type StreamEvent = { event: string; id: string; data: string }

/** eventReader takes the text of a stream as it comes, in any pieces, and gives the events that are whole (WHATWG HTML, section 9.2.6).
    An id stays until the next one; place is the one that is known already. An id without data is given as an event without a name:
    it is nothing that happened, but from where on the stream is to be continued. */
export function eventReader(place = ''): (piece: string) => StreamEvent[] {
  let rest = ''
  let event = '', id = place, told = place
  let data: string[] = []
  return (piece) => {
    const out: StreamEvent[] = []
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop()!
    for (const line of lines) {
      if (line === '') {
        if (data.length) out.push({ event: event || 'message', id, data: data.join('\n') })
        else if (id !== told) out.push({ event: '', id, data: '' })
        told = id
        event = ''
        data = []
        continue
      }
      const colon = line.indexOf(':')
      const field = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
      if (field === 'event') event = value
      else if (field === 'data') data.push(value)
      else if (field === 'id' && !value.includes('\0')) id = value
    }
    return out
  }
}
