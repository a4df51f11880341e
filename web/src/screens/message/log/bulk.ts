// Sends many messages again, a few at a time: the server takes single resends, and one that it
// refuses must not end the rest.
import { ApiError, client } from '../../../api/client'
import { resend } from '../data'

export type Which = 'failed' | 'all'
export type BulkProgress = { done: number; total: number; sent: number; refused: number; because?: string; startedAt: number }

/** wanted says whether a delivery is sent again; status is the contract's: 2 failed for good, 3 failed and
    is tried again. */
const wanted = (which: Which, status: number) => which === 'all' || status === 2 || status === 3

/** resendMany tells how far it is and ends early when signal says so. What was sent by then stays sent. */
export async function resendMany(messages: { appId: string; id: string }[], which: Which, onProgress: (p: BulkProgress) => void, signal: AbortSignal): Promise<BulkProgress> {
  const progress: BulkProgress = { done: 0, total: messages.length, sent: 0, refused: 0, startedAt: Date.now() }
  const waiting = [...messages]
  const worker = async () => {
    for (let m = waiting.shift(); m && !signal.aborted; m = waiting.shift()) {
      try {
        const { data } = await client.GET('/api/v1/app/{app_id}/msg/{msg_id}/endpoint', { params: { path: { app_id: m.appId, msg_id: m.id }, query: { limit: 250 } }, signal })
        for (const e of data!.data) {
          if (signal.aborted || !wanted(which, e.status)) continue
          try {
            await resend(m.appId, m.id, e.hookloft?.destinationId ?? e.id)
            progress.sent++
          } catch (problem) {
            progress.refused++
            progress.because = problem instanceof ApiError ? problem.detail : String(problem)
          }
        }
      } catch (problem) {
        if (signal.aborted) return
        progress.refused++
        progress.because = problem instanceof ApiError ? problem.detail : String(problem)
      }
      progress.done++
      onProgress({ ...progress })
    }
  }
  await Promise.all(Array.from({ length: 4 }, worker))
  return progress
}
