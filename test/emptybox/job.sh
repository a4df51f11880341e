# The job of a webhook sender, every operation of the API once. Part of run.sh.

say "Applications"
A=/api/v1/app
APP=$(api 201 POST $A '{"name":"Acme","uid":"acme"}' | jq -r .id)
api 200 POST "$A?get_if_exists=true" '{"name":"Acme","uid":"acme"}' | jq -e --arg id "$APP" '.id == $id' >/dev/null
api 409 POST $A '{"name":"Acme again","uid":"acme"}' | jq -c .
OTHER=$(api 201 PUT $A/other '{"name":"Other","uid":"other"}' | jq -r .id)
api 200 PATCH $A/other '{"metadata":{"plan":"free"}}' | jq -e '.metadata.plan == "free"' >/dev/null
api 200 GET $A/acme | jq -e --arg id "$APP" '.id == $id' >/dev/null
api 200 GET $A | jq -e '.data | length == 2' >/dev/null
A=/api/v1/app/acme

say "Event types"
T=/api/v1/event-type
api 201 POST $T '{"name":"order.paid","description":"An order was paid"}' | jq -c '{name, description}'
api 201 PUT $T/order.sent '{"description":"On its way"}' >/dev/null
api 200 PATCH $T/order.sent '{"deprecated":true}' | jq -e .deprecated >/dev/null
api 200 GET $T/order.paid | jq -e '.archived == false' >/dev/null
api 204 DELETE $T/order.sent
api 200 GET $T | jq -e '[.data[].name] == ["order.paid"]' >/dev/null

say "Endpoints: one over http, one over https that wants one channel, and what is refused"
FIRST=$(api 201 POST $A/endpoint '{"url":"'"$HTTP"'/first","uid":"first","description":"main"}' | jq -r .id)
api 201 PUT $A/endpoint/second '{"url":"'"$HTTPS"'/second","uid":"second","channels":["eu"]}' | jq -c '{url, channels}'
api 200 PATCH $A/endpoint/second '{"eventTypes":["order.paid"],"throttleRate":50}' | jq -e '.throttleRate == 50' >/dev/null
api 201 POST $A/endpoint '{"url":"https://billing/internal","uid":"internal"}' | jq -r .url # --allow-internal-names
api 422 POST $A/endpoint '{"url":"https://[64:ff9b::a00:1]/"}' | jq -r '.detail[0].msg'    # 10.0.0.1 inside --egress-nat64
api 201 POST $A/endpoint '{"url":"https://[64:ff9b::808:808]/","uid":"outside"}' >/dev/null # 8.8.8.8 inside it
api 422 POST $A/endpoint '{"url":"https://10.0.0.1/"}' | jq -r '.detail[0].msg'
for uid in internal outside; do api 204 DELETE $A/endpoint/$uid; done
api 200 GET $A/endpoint | jq -e '.data | length == 2' >/dev/null
api 200 GET $A/endpoint/first | jq -e --arg id "$FIRST" '.id == $id' >/dev/null
api 204 PUT $A/endpoint/first/headers '{"headers":{"X-Team":"orders","Authorization":"Bearer customer"}}'
api 204 PATCH $A/endpoint/first/headers '{"headers":{"X-Extra":"1"}}'
api 200 GET $A/endpoint/first/headers | jq -c .
SECRET=$(api 200 GET $A/endpoint/first/secret | jq -r .key)

say "Publish: with eventId, tags, channels and an idempotency key; the same call again is the same message"
BODY='{"eventType":"order.paid","eventId":"order-1","channels":["eu"],"tags":["vip"],"payload":{"z":1.10,  "a":"\u00fc"}}'
MSG=$(api 202 POST $A/msg "$BODY" -H 'Idempotency-Key: order-1' | jq -r .id)
[ "$(api 202 POST $A/msg "$BODY" -H 'Idempotency-Key: order-1' | jq -r .id)" = "$MSG" ]
api 409 POST $A/msg "$BODY" -H 'Idempotency-Key: another' | jq -c . # the eventId is taken
api 413 POST $A/msg '{"eventType":"order.paid","payload":{"x":"'"$(printf '%065536d' 0)"'"}}' | jq -c .
api 200 POST $A/msg/precheck/active '{"eventType":"order.paid"}' | jq -e .active >/dev/null
api 200 GET $A/msg | jq -e --arg id "$MSG" '[.data[].id] == [$id]' >/dev/null
api 200 GET $A/msg/order-1 | jq -c .payload # by its eventId

say "It arrives at both, byte for byte, and openssl verifies the signatures"
await 10 received first "$MSG"
await 10 received second "$MSG"
printf '%s' '{"z":1.10,  "a":"\u00fc"}' | cmp - "$WORK/received/first/$MSG.1.body"
verified first "$MSG" "$SECRET"
verified second "$MSG" "$(api 200 GET $A/endpoint/second/secret | jq -r .key)"
grep -i -E '^(x-team|authorization|x-extra|webhook-id|content-type):' "$WORK/received/first/$MSG.1.headers"
! ls "$WORK/received/first/$MSG.2.body" 2>/dev/null || fail "the message came twice"

say "What is recorded of it"
attempt_of() { api 200 GET "$A/attempt/msg/$1?endpoint_id=$2" | jq -r '.data[0].id // empty'; }
await 5 eval '[ -n "$(attempt_of "$MSG" first)" ]'
ATTEMPT=$(attempt_of "$MSG" first)
api 200 GET "$A/msg/$MSG/attempt/$ATTEMPT" | jq -c '{status, responseStatusCode, url}'
api 200 GET "$A/attempt/endpoint/first" | jq -e '.data[0].status == 0' >/dev/null
api 200 GET "$A/endpoint/first/msg" | jq -e '.data[0].statusText == "success"' >/dev/null
api 200 GET "$A/msg/$MSG/endpoint" | jq -e '.data | length == 2' >/dev/null
api 200 GET "$A/msg/$MSG/attempt" | jq -e '.data | length == 2' >/dev/null
api 200 GET "$A/msg/$MSG/endpoint/first/attempt" | jq -e '.data | length == 1' >/dev/null
api 200 GET "$A/endpoint/first/stats" | jq -c .

say "Settings: three retries, two seconds apart, headers of both families"
S=/api/v1/management/environment-settings
api 200 GET $S | jq -c '{retryPolicy, enforceHttps}'
api 200 PATCH $S '{"retryPolicy":[2,2,2]}' | jq -e '.retryPolicy == [2,2,2]' >/dev/null
api 200 PUT $S '{"retryPolicy":[2,2,2],"sendSvixWebhookHeaders":true}' | jq -e .sendSvixWebhookHeaders >/dev/null
api 200 GET /api/v1/environment/settings | jq -e '.enableChannels' >/dev/null

say "A receiver that fails: recorded, tried again, delivered"
echo 503 >"$WORK/received/first/status"
RETRIED=$(api 202 POST $A/msg '{"eventType":"order.paid","payload":{"n":2}}' | jq -r .id)
await 10 received first "$RETRIED"
await 5 eval '[ -n "$(attempt_of "$RETRIED" first)" ]'
api 200 GET "$A/attempt/msg/$RETRIED" | jq -c '.data[0] | {status, responseStatusCode, reason: .hookloft.reason, next: (.hookloft.nextAttempt != null)}'
echo 200 >"$WORK/received/first/status"
await 10 received first "$RETRIED" 2
verified first "$RETRIED" "$SECRET" 2
grep -qi '^svix-id:' "$WORK/received/first/$RETRIED.2.headers"

say "Resend, and recover what failed since an hour ago in a background task"
api 202 POST "$A/msg/$MSG/endpoint/first/resend"
await 10 received first "$MSG" 2
api 200 PATCH $S '{"retryPolicy":[]}' >/dev/null
echo 500 >"$WORK/received/first/status"
LOST=$(api 202 POST $A/msg '{"eventType":"order.paid","payload":{"n":3}}' | jq -r .id)
await 10 eval 'api 200 GET "$A/msg/$LOST/endpoint" | jq -e ".data[0].statusText == \"fail\"" >/dev/null'
echo 200 >"$WORK/received/first/status"
TASK=$(api 202 POST "$A/endpoint/first/recover" '{"since":"'"$(date -u -d '-1 hour' +%FT%TZ)"'"}' | jq -r .id)
await 10 received first "$LOST" 2
await 10 eval 'api 200 GET "/api/v1/background-task/$TASK" | jq -e ".status == \"finished\"" >/dev/null'
api 200 GET "/api/v1/background-task/$TASK" | jq -c '{task, status, data}'
api 200 GET /api/v1/background-task | jq -e --arg id "$TASK" '.data[0].id == $id' >/dev/null

say "Rotate the secret: the old and the new one sign"
api 204 POST "$A/endpoint/first/secret/rotate" '{"gracePeriodSeconds":3600}'
NEW=$(api 200 GET $A/endpoint/first/secret | jq -r .key)
[ "$NEW" != "$SECRET" ]
ROTATED=$(api 202 POST $A/msg '{"eventType":"order.paid","payload":{"n":4}}' | jq -r .id)
await 10 received first "$ROTATED"
verified first "$ROTATED" "$SECRET"
verified first "$ROTATED" "$NEW"

say "Expunge content; what is left says so"
api 204 DELETE "$A/msg/$MSG/content"
api 200 GET "$A/msg/$MSG" | jq -c .payload
api 400 POST "$A/msg/$MSG/endpoint/first/resend" | jq -c .
api 204 DELETE "$A/msg/$MSG/attempt/$ATTEMPT/content"
api 200 GET "$A/msg/$MSG/attempt/$ATTEMPT" | jq -e '.response == "EXPUNGED"' >/dev/null

say "A portal token sees its application and nothing else"
OPERATOR=$TOKEN
ACCESS=$(api 200 POST /api/v1/auth/app-portal-access/acme '{"sessionId":"s1"}')
jq -r .url <<<"$ACCESS" | grep -o "^https://localhost:$PORT" # --public-url
SECOND=$(api 200 POST /api/v1/auth/dashboard-access/acme | jq -r .token)
TOKEN=$(jq -r .token <<<"$ACCESS")
api 200 GET $A/endpoint | jq -e '.data | length == 2' >/dev/null
api 403 POST $A/msg '{"eventType":"order.paid","payload":{}}' | jq -c .
api 404 GET "/api/v1/app/$OTHER/endpoint" | jq -c .
TOKEN=$SECOND
api 204 POST /api/v1/auth/logout
api 401 GET $A/endpoint | jq -c .
TOKEN=$OPERATOR
api 204 POST /api/v1/auth/app/acme/expire-all '{"sessionIds":["s1"]}'
TOKEN=$(jq -r .token <<<"$ACCESS")
api 401 GET $A/endpoint >/dev/null
TOKEN=$OPERATOR

say "What is not there says so: an operation of the contract, a path, a method, a token, a body"
api 501 GET "$A/stream/sink" | jq -c .
api 404 GET /api/v1/nothing | jq -c .
api 405 DELETE $A/msg | jq -c .
TYPE=text/plain api 415 POST $A/msg 'x=1' | jq -c .
api 422 POST $A/msg '{"eventType":"","payload":{}}' | jq -c .
TOKEN=wrong api 401 GET $A | jq -c .

say "Metrics: on a listener of their own, and with a token on the main one"
curl -sS "http://$METRICS/metrics" | grep -E '^hookloft_messages_created_total'
curl -sS --cacert "$WORK/ca.pem" -H "Authorization: Bearer $TOKEN" "$URL/metrics" | grep -c ^hookloft_
curl -sS --cacert "$WORK/ca.pem" -H 'X-Forwarded-For: 203.0.113.9' "$URL/metrics" | head -c 100 && echo

say "The log: JSON lines, with the client that the trusted proxy names"
api 200 GET $A '' -H 'X-Forwarded-For: 203.0.113.9' >/dev/null
await 5 grep -q '"address":"203.0.113.9"' "$WORK/log"
jq -c 'select(.msg == "attempt") | {msg, outcome, status, endpoint}' "$WORK/log" | head -n 1
! grep -q -e "$SECRET" -e "$NEW" -e "$TOKEN" "$WORK/log" || fail "a secret stands in the log"

say "Delete an endpoint and an application"
api 204 DELETE /api/v1/app/other
api 404 GET /api/v1/app/other >/dev/null
api 204 DELETE $A/endpoint/second

say "The published npm client, over TLS"
CLIENTS=$HERE/../compat/node
if [ -d "$CLIENTS/node_modules/svix-v2" ] && command -v node >/dev/null; then
	(cd "$CLIENTS" && URL=$URL TOKEN=$TOKEN NODE_EXTRA_CA_CERTS=$WORK/ca.pem node --input-type=module -e '
		import { Svix } from "svix-v2";
		const svix = new Svix(process.env.TOKEN, { serverUrl: process.env.URL });
		const sent = await svix.message.create("acme", { eventType: "order.paid", payload: { by: "npm svix" } });
		const list = await svix.message.list("acme", { limit: 1, withContent: true });
		if (list.data[0].id !== sent.id) throw new Error("the message is not the newest of the list");
		console.log(sent.id, JSON.stringify(list.data[0].payload));')
else
	echo "not installed here; test/compat runs it"
fi
