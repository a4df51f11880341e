# Transformations: the owner's code runs in the sandbox's child processes, which have the box
# and nothing else. Part of run.sh, after commands.sh; what is shown from here to hold.sh is
# docs/shaping-transcript.md.
PAGE=shaping BOX_HOME=/user
api 200 PATCH $S '{"retryPolicy":[1,2,4,8]}' >/dev/null
G=/api/v1/app/forge GX=/x/v1/app/forge

# tried UID MESSAGE EXPRESSION: the newest attempt of it is as the jq expression says.
tried() { api 200 GET "$G/attempt/msg/$2?endpoint_id=$1&limit=1" | jq -e ".data[0] // {} | $3" >/dev/null; }
# publish EVENT-TYPE PAYLOAD [FIELDS] prints the message's id.
publish() { api 202 POST $G/msg '{"eventType":"'"$1"'","payload":'"$2${3-}"'}' | jq -r .id; }

say "Log in, and an application with an endpoint over TLS"
show 'hookloft login --server "$URL" --token - <<<"$TOKEN"'
for type in invoice.paid vault.opened order.changed step.done line.step book.written polite.asked stock.changed; do
	api "20[01]" PUT $T/$type '{"description":"'$type'"}' >/dev/null
done
show 'hookloft app create Forge --uid forge --metadata tier=gold'
show 'hookloft endpoint create forge "$HTTPS/billing2" --uid billing'

say "A transformation, tried here first: no server, no endpoint, the same sandbox"
in_tmp handler.js <<-'EOS'
	function handler(webhook) {
	  const { amount, currency } = webhook.payload;
	  if (amount === 0) return { cancel: true };
	  console.log("amount", amount);
	  webhook.payload = { text: `${webhook.env.shop}: ${amount} ${currency}`, at: webhook.eventType };
	  webhook.headers = { "X-Amount": String(amount) };
	  return webhook;
	}
EOS
show 'cat "$BOX/tmp/handler.js"'
echo '{"amount": 5, "currency": "EUR"}' | in_tmp five.json
show 'hookloft transform run /tmp/handler.js /tmp/five.json --var shop=Forge --event-type invoice.paid --channel eu --url https://example.com/hooks'
printf 'function handler(webhook) { for (;;); }\n' | in_tmp endless.js
refused 1 'hookloft transform run /tmp/endless.js /tmp/five.json --time 20ms'
printf 'function handler(webhook) {\n  return (;\n}\n' | in_tmp syntax.js
refused 1 'hookloft transform run /tmp/syntax.js /tmp/five.json'
refused 2 'hookloft transform run /tmp/handler.js --time 2s'
refused 2 'hookloft transform run /tmp/nothing.js'

say "The endpoint gets it; a message arrives in its new form, signed as it was sent"
show 'hookloft transform set forge/billing /tmp/handler.js --var shop=Forge'
show 'MSG=$(hookloft send forge invoice.paid "{\"amount\": 5, \"currency\": \"EUR\"}" --wait --jq .message.id)'
show 'cat "$WORK/received/billing2/$MSG.1.body" && echo'
same '{"text":"Forge: 5 EUR","at":"invoice.paid"}' cat "$WORK/received/billing2/$MSG.1.body"
show 'grep -i -E "^(x-amount|content-type|webhook-id):" "$WORK/received/billing2/$MSG.1.headers" | tr -d "\r"'
same 5 header "$WORK/received/billing2/$MSG.1.headers" x-amount
show 'verified billing2 "$MSG" "$(hookloft endpoint secret forge/billing)" && echo "openssl: genuine"'
show 'hookloft why "$MSG"'
show 'hookloft api GET "/api/v1/app/forge/attempt/msg/$MSG" --jq ".data[0].hookloft.console"'
tried billing "$MSG" '.hookloft.console == ["amount 5"]' || fail "the console is not kept with the attempt"

say "The sandbox's child: the same user, the same root directory, no environment but a time zone, no file, no socket"
show 'CHILD=$(pgrep -o -P "$SERVER") && ps -o user:8=,args= -p "$CHILD"'
show 'tr "\0" "\n" <"/proc/$CHILD/environ"'
show 'grep -E "^(Max file size|Max core file size|Max open files)" "/proc/$CHILD/limits" | sed "s/  *$//"'
same TZ=UTC eval 'tr -d "\0" <"/proc/$CHILD/environ"'
same 0 eval 'ls -l "/proc/$CHILD/fd" | grep -c socket: || true'
grep -q -E '^Max address space +[0-9]+ ' "/proc/$CHILD/limits" || fail "the child may take all addresses"
[ "$(readlink "/proc/$CHILD/root")" = "$BOX" ] || fail "the child is outside of the box"
[ "$JAIL" != root ] || same 65534 stat -c %u "/proc/$CHILD"
same 1 sed -n 's/^NoNewPrivs:\t//p' "/proc/$CHILD/status"

say "What it would make of the last messages; what a script's end, mistakes and loops come to"
show 'hookloft transform try forge/billing --last 1'
printf 'function handler(webhook) {\n  webhook.payload.no.thing = 1;\n  return webhook;\n}\n' | in_tmp broken.js
show 'hookloft transform try forge/billing --message "$MSG" --code /tmp/broken.js --var shop=X'
refused 1 'hookloft transform try forge/billing --last 21'
refused 1 'hookloft transform set forge/billing /tmp/syntax.js'
show 'ZERO=$(hookloft send forge invoice.paid "{\"amount\": 0, \"currency\": \"EUR\"}" --jq .id)'
await 10 eval 'hookloft why "$ZERO" | grep -q "decided not to send"'
show 'hookloft why "$ZERO"'
! received billing2 "$ZERO" || fail "a cancelled message was sent"
show 'hookloft transform set forge/billing /tmp/endless.js'
show 'STUCK=$(hookloft send forge invoice.paid "{\"amount\": 7, \"currency\": \"EUR\"}" --jq .id)'
await 10 tried billing "$STUCK" '.hookloft.reason == "transform_timeout"'
show 'hookloft api GET "/api/v1/app/forge/attempt/msg/$STUCK" --jq ".data[-1].hookloft.reason"'
show 'hookloft transform set forge/billing /tmp/handler.js --var shop=Forge # repaired: the retry has the new code'
await 15 received billing2 "$STUCK"
same '{"text":"Forge: 7 EUR","at":"invoice.paid"}' cat "$WORK/received/billing2/$STUCK.1.body"

say "A child that is killed is replaced; no message is lost"
kill -9 "$CHILD"
show 'hookloft send forge invoice.paid "{\"amount\": 8, \"currency\": \"EUR\"}" --wait --quiet && echo delivered'
await 5 eval '[ -n "$(pgrep -o -P "$SERVER")" ]'
show 'hookloft transform set forge/billing /tmp/handler.js --off'
show 'hookloft transform get forge/billing | sed -n "1,1p"'
show 'hookloft transform remove forge/billing'
refused 3 'hookloft transform get forge/nobody'

say "The same by API: an endpoint's transformation"
CODE='function handler(w) { w.payload = {a: w.payload.a + 1, by: w.env.who}; return w }'
body_of() { jq -nc --arg code "$CODE" "$@"; }
V=$G/endpoint/billing/transformation
api 204 PATCH $V "$(body_of '{code: $code, enabled: true, variables: {who: "api"}}')"
api 200 GET $V | holds --arg code "$CODE" '.code == $code and .enabled and .variables.who == "api"'
api 422 PATCH $V '{"code":"function handler(w) { return (; }"}' | jq -c '.detail[0]'
api 422 PATCH $V '{"code":"short"}' | holds '.detail[0].loc == ["body", "code"]'
api 200 POST $V/simulate "$(body_of '{code: $code, eventType: "x", payload: {a: 1}, variables: {who: "sim"}}')" | holds '.payload == "{\"a\":2,\"by\":\"sim\"}" and .method == "POST"'
api 422 POST $V/simulate '{"code":"function handler(w) { throw new Error(\"no\") }","eventType":"x","payload":{}}' | jq -c .
api 422 POST $V/simulate '{"code":"function handler(w) { return w }","payload":{}}' | holds '.detail[0].loc == ["body", "eventType"]'
MADE=$(publish a.b '{"a":1}')
await 10 received billing2 "$MADE"
same '{"a":2,"by":"api"}' cat "$WORK/received/billing2/$MADE.1.body"
api 200 POST $GX/endpoint/billing/transformation/simulate '{"messageId":"'"$MADE"'"}' | holds '.data[0].outcome == "sent" and any(.data[0].differences[]; .path == "/a" and .value == 2)'
api 422 POST $GX/endpoint/billing/transformation/simulate '{"last":0}' | holds '.detail[0].loc == ["body", "last"]'
api 204 PATCH $V '{"code":null,"enabled":false,"variables":null}'

say "An endpoint of a source: what is received is transformed on its way"
api 201 POST $I '{"name":"Gate","type":"generic-webhook","uid":"gate"}' >/dev/null
GATE=$(api 200 GET $I/gate | jq -r .ingestUrl) GE=$I/gate/endpoint GS=/x/v1/source/gate/endpoint
api 201 POST $GE '{"url":"'"$HTTPS"'/gate","uid":"gate"}' >/dev/null
api 204 PATCH $GE/gate/transformation "$(body_of '{code: $code, enabled: true, variables: {who: "gate"}}')"
api 200 GET $GE/gate/transformation | holds '.enabled and .variables.who == "gate"'
api 422 PATCH $GE/gate/transformation '{"enabled":"yes"}' | holds '.detail[0].loc == ["body", "enabled"]'
api 200 POST $GS/gate/transformation/simulate '{"payload":{"a":4}}' | holds '.data[0].after == "{\"a\":5,\"by\":\"gate\"}"'
same 200 curl -sS -o /dev/null -w '%{http_code}' "$GATE" -H 'Content-Type: application/json' -d '{"a":41}'
await 10 got gate 1
same '{"a":42,"by":"gate"}' cat "$(newest gate).body"
api 204 PATCH $GE/gate/transformation '{"code":null}'
