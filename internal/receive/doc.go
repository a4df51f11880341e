// Package receive is the door through which other services' webhooks come in: a request
// at a source's URL is verified as its provider demands, judged by its owner's rules,
// stored as a message of the source's internal application with its deliveries, and
// answered. What is answered with success is on disk, and is there once (store.Ledger).
//
// Handshakes with which providers check a URL are answered here, too, and so are
// schedules (type cron), which are webhooks that nobody sends.
//
// # The way of a request
//
//	token ── networks ── rates ── method and path ── body ── handshake? ── signature
//	  404       403        429        405, 400      413,408      answer      401, 503
//	                                                    503
//	── validation ── stale? ── duplicate? ── plan and commit ── the service's answer? ── answer
//	      422        answer       answer          503
//
// What is cheap and needs no bytes of the body comes first, so that a flood of requests
// that nobody wants costs little. Nothing is parsed before the signature was checked,
// except by handshakes, most of which carry their own signature.
//
// # What is sure
//
//   - A success is answered only after the commit (store.Ledger). Whatever fails before is
//     a 503, upon which providers come again; the dedupe key makes the repeat find what the
//     first one stored, if it did.
//   - Of equal requests at the same time one is stored: the ledger decides, not this room.
//   - Every request with a token of ours has a verdict that is counted. The account is
//     kept in memory and saved every second, so a crash loses at most that much of it.
//   - Memory is bounded: bodies by one budget over all requests, which counts bytes that
//     came and not bytes that were announced; samples, counts, waiters and states of
//     sources each by a number.
//
// # Choices
//
//   - A webhook that is genuine but breaks the owner's validation rule is 422: the
//     provider is who it says it is, so 401 would be wrong, and a repeat changes nothing.
//   - An event that the stale rule drops is answered like the first and counted as
//     rejected, because its owner has to be able to see where it went.
//   - The newest event of a source, by which others are stale, is kept in memory: after a
//     restart the first one counts as the newest.
//   - Without a delivery id the whole request tells two webhooks apart: method, path,
//     query and body. The body alone would make one of all GETs.
//   - Bodies are never decoded: a compressed one is verified, stored and forwarded as it
//     came, and is no JSON for a rule that asks for JSON.
//   - A wrong signature is refused aloud for WebSub, too, whose specification (section 8)
//     allows to acknowledge it: its owner is to see it, and the answer says no more than
//     that it is wrong.
//   - net/http does not keep the order of headers, so they are forwarded by name.
//   - A body that is no JSON object is published into an application as raw payload,
//     with {} as what the API shows, since an application's payload is an object there.
package receive
