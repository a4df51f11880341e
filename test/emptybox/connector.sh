# Connectors: the ready ones, those of an environment, and which endpoint uses which. Part of run.sh, after filter.sh.

say "Ready connectors: what each makes of an event"
show 'hookloft connector list'
show 'hookloft connector show slack | sed -n "1,12p"'
refused 3 'hookloft connector show fax'
show 'hookloft endpoint create forge "$HTTPS/chat" --uid chat --event-type invoice.paid'
mkdir -p "$WORK/received/chat" && echo ok >"$WORK/received/chat/answer"
show 'hookloft connector use forge/chat slack --variable "text=Paid: {{payload.amount}} {{payload.currency}} by {{payload.who}}"'
show 'CHAT=$(hookloft send forge invoice.paid "{\"amount\": 5, \"currency\": \"EUR\", \"who\": \"<!channel>\"}" --quiet --output id)'
await 10 received chat "$CHAT"
show 'cat "$WORK/received/chat/$CHAT.1.body" && echo # nobody is called by a payload'
jq -e '.text | startswith("Paid: 5 EUR by ") and (contains("<!channel>") | not)' "$WORK/received/chat/$CHAT.1.body" >/dev/null
refused 1 'hookloft connector use forge/chat fax'
refused 1 'hookloft connector use forge/chat pagerduty --variable summary=x'
show 'hookloft connector remove forge/chat'
api 200 GET /x/v1/connector-template | holds '[.data[].name] | index("slack") != null and index("email") != null'
api 200 GET /x/v1/connector-template/pagerduty | holds '(.transformation | contains("function handler")) and any(.variables[]; .name == "routingKey" and .required)'
api 404 GET /x/v1/connector-template/fax >/dev/null

say "A connector of the environment: one code for many endpoints"
C=/api/v1/connector
OWN=$(api 201 POST $C "$(body_of '{name: "Own", uid: "own", transformation: $code}')" | jq -r .id)
api 422 POST $C '{"name":"Broken","transformation":"function handler(w) { return (; }"}' | jq -c '.detail[0]'
api 409 POST $C "$(body_of '{name: "Own", uid: "own", transformation: $code}')" >/dev/null
api 200 GET $C | holds --arg id "$OWN" '[.data[].id] == [$id]'
api 200 GET $C/own | holds --arg code "$CODE" '.transformation == $code and .kind == "Custom"'
api 200 PUT $C/own "$(body_of '{name: "Ours", transformation: $code}')" | holds '.name == "Ours"'
api 200 PATCH $C/own '{"description":"adds one"}' | holds '.description == "adds one"'
api 204 GET $C/own/options
api 200 PUT $C/own/options '{"kind":"Custom","options":{"authenticationMethod":"HttpBearer","defaultUrl":"https://example.com/"}}' | holds '.options.authenticationMethod == "HttpBearer"'
api 200 GET $C/own/options | holds '.options.defaultUrl == "https://example.com/"'
api 200 POST $C/simulate "$(body_of '{code: $code, eventType: "x", payload: {a: 1}}')" | holds '.payload == "{\"a\":2}" and .url == "https://example.com/"'
api 422 POST $C/simulate '{"code":"function handler(w) { return w }","eventType":"x"}' | holds '.detail[0].loc == ["body", "payload"]'
U=$GX/endpoint/billing/connector
api 204 GET $G/endpoint/billing/connector
api 404 GET $U >/dev/null
api 200 PUT $U '{"connectorId":"own","variables":{"who":"connector"}}' | holds --arg id "$OWN" '.connectorId == $id'
api 200 GET $G/endpoint/billing/connector | holds --arg id "$OWN" '.id == $id'
USED=$(publish a.b '{"a":6}')
await 10 received billing2 "$USED"
same '{"a":7,"by":"connector"}' cat "$WORK/received/billing2/$USED.1.body"
api 409 DELETE $C/own | jq -c .
api 422 PUT $U '{"name":"pagerduty"}' | jq -c '.detail[0]'
api 200 PUT $U '{"name":"pagerduty","variables":{"routingKey":"a-routing-key-that-is-secret"}}' >/dev/null
api 200 GET $U | holds '.name == "pagerduty" and .withheld == ["routingKey"] and (tostring | contains("that-is-secret") | not)'
api 204 DELETE $U
U=$GS/gate/connector
api 200 PUT $U '{"connectorId":"own","variables":{"who":"source"}}' >/dev/null
api 200 GET $U | holds '.withheld == ["who"] and .isOverridden == false'
before=$(count_of gate)
is 200 curl -sS -o /dev/null -w '%{http_code}' "$GATE" -H 'Content-Type: application/json' -d '{"a":9}'
await 10 got gate $((before + 1))
same '{"a":10,"by":"source"}' cat "$(newest gate).body"
api 422 PUT $U '{}' | jq -c '.detail[0]'
api 204 DELETE $U
api 204 DELETE $C/own
api 404 GET $C/own >/dev/null
