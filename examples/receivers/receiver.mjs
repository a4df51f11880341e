// A small webhook receiver: it verifies the signature, passes over messages that
// it has seen, prints the event and answers 204. Standard Webhooks 1.0.0, with
// symmetric secrets; nothing but Node.js.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import { parseArgs } from 'node:util'

const toleranceSeconds = 300
const maxBodyBytes = 1 << 20
// A sender retries for days; this is how many ids are remembered. A receiver with
// a database keeps them there, so that they survive a restart.
const maxSeen = 100_000

const { values } = parseArgs({ options: { port: { type: 'string', default: '8080' } } })
const keys = parseKeys(process.env.WEBHOOK_SECRET ?? '')
const seen = new Set() // ids that were handled, oldest first

const server = createServer((request, response) => {
  const answer = (status) => response.writeHead(status).end()
  if (request.method !== 'POST') return answer(405)
  const chunks = []
  let size = 0
  request.on('data', (chunk) => {
    size += chunk.length
    if (size <= maxBodyBytes) chunks.push(chunk)
    // A little over, it is read to its end, or the sender would miss the answer.
    else if (size > 4 * maxBodyBytes) request.destroy()
  })
  request.on('end', () => {
    if (size > maxBodyBytes) return answer(413)
    const body = Buffer.concat(chunks)
    const id = verify(request, body)
    if (id === undefined) return answer(401)
    if (!seen.has(id)) {
      try {
        handle(id, body)
      } catch (error) {
        console.error(`event ${id} failed:`, error)
        return answer(500) // the sender sends it again
      }
      // Only now: what failed must not be passed over the next time. If handle
      // becomes async, also keep two equal messages from running side by side.
      seen.add(id)
      if (seen.size > maxSeen) seen.delete(seen.values().next().value)
    }
    answer(204)
  })
})

// handle stands for what you want to do with an event.
function handle(id, body) {
  process.stdout.write(`event ${id}: ${body}\n`)
}

// verify returns the message's id, or undefined if the request is not genuine or
// not fresh. body is a Buffer with the bytes as they came: JSON that was parsed
// and written again is not what was signed.
function verify(request, body) {
  const family = ['webhook', 'svix'].find((name) => ['id', 'timestamp', 'signature'].every((part) => request.headers[`${name}-${part}`]))
  if (!family) return
  // distinct has each value of a header that was given twice.
  const [id, timestamp, signature] = ['id', 'timestamp', 'signature'].map((part) => {
    const given = request.headersDistinct[`${family}-${part}`]
    return given.length === 1 ? given[0] : ''
  })
  // An id with a full stop could be read as an id and a timestamp.
  if (!/^[!-\-/-~]{1,256}$/.test(id) || !/^(0|[1-9][0-9]{0,10})$/.test(timestamp)) return
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > toleranceSeconds) return
  const given = signature.split(' ').map((text) => Buffer.from(text))
  for (const key of keys) {
    const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')
    const want = Buffer.from(`v1,${mac}`)
    if (given.some((one) => one.length === want.length && timingSafeEqual(one, want))) return id
  }
}

// parseKeys reads one or more secrets with white space between them: the old and
// the new one while the sender's secret is rotated.
function parseKeys(text) {
  return (text.match(/\S+/g) ?? fail('is empty')).map((secret) => {
    const encoded = secret.replace(/^whsec_/, '')
    const key = Buffer.from(encoded, 'base64')
    // Node passes over what is not base64; the way back shows it.
    if (key.length < 16 || key.toString('base64') !== encoded) fail('is not a whsec_ secret')
    return key
  })
}

function fail(reason) {
  console.error(`WEBHOOK_SECRET ${reason}`)
  process.exit(1)
}

server.listen(Number(values.port), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`)
})
