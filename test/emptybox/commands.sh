# Every command that calls a server, run in the box over TLS: it trusts the authority whose
# certificate is in the box, and keeps its profiles in a home there. Part of run.sh, after
# announce.sh; what is shown here is most of docs/sending-transcript.md.
PAGE=sending BOX_HOME=/user
mkdir "$BOX/user" && chmod 700 "$BOX/user"
if [ "$JAIL" = root ]; then chown 65534:65534 "$BOX/user"; fi

# in_tmp FILE keeps standard input as /tmp/FILE of the box.
in_tmp() { cat >"$BOX/tmp/$1" && chmod 644 "$BOX/tmp/$1"; }

# beside NAME COMMAND... runs the binary in the box beside what follows; its output goes to
# $WORK/NAME and its errors to $WORK/NAME.error, its process is $BESIDE.
beside() {
	local name=$1
	shift
	echo "$*" >>"$WORK/commands"
	in_box "$@" >"$WORK/$name" 2>"$WORK/$name.error" 3>&- 4>&- &
	BESIDE=$!
	RECEIVERS="$RECEIVERS $BESIDE" # which are ended with the run
}

# end_beside CODE asks it to end and compares its exit code.
end_beside() {
	local code=0
	kill -TERM "$BESIDE" 2>/dev/null || true
	wait "$BESIDE" || code=$?
	RECEIVERS=${RECEIVERS% "$BESIDE"}
	[ "$code" = "$1" ] || fail "exit code $code, want $1: $(cat "$WORK"/*.error)"
}

say "Log in: the server is asked whose token it is, and vouches for itself with the authority in the box"
refused 4 'hookloft whoami --server "$URL"'
refused 4 'hookloft login --server "$URL" --token wrong'
refused 2 'hookloft login --server localhost --token x'
show 'hookloft login --server "$URL" --token - <<<"$TOKEN"'
show 'hookloft whoami'
hookloft environment create --data /data staging >/dev/null
hookloft token create --data /data --environment staging | in_tmp staging.token
show 'hookloft login --profile staging --server "$URL" --token @/tmp/staging.token'
show 'hookloft profile list'
show 'hookloft profile path'
show 'hookloft switch default'
refused 3 'hookloft switch stagin'
refused 2 'hookloft app list --server https://127.0.0.1:1' # the token is for another server
refused 1 'hookloft app list --server https://127.0.0.1:1 --token x'
same 600 stat -c %a "$BOX/user/.config/hookloft/config.toml"
mv "$BOX/etc/ssl/certs/ca-certificates.crt" "$WORK/away"
refused 1 'hookloft whoami # without the authority'
mv "$WORK/away" "$BOX/etc/ssl/certs/ca-certificates.crt"
show 'hookloft doctor --data /data'
hookloft doctor --output json --jq 'map(.result) | unique' | holds 'index("fail") == null'
refused 1 'hookloft doctor --token wrong'
hookloft diagnostics /tmp/help.tar.gz
hookloft diagnostics - | tar -xzO hookloft-diagnostics/metrics.txt | grep -c '^hookloft_build_info' >/dev/null

say "Event types, an application and its endpoint, from a file: shown, then made"
in_tmp shop.yaml <<-EOF
	eventTypes:
	  - name: invoice.paid
	    description: An invoice was paid.
	    schemas:
	      "1": {type: object, examples: [{amount: 5, currency: EUR}]}
	applications:
	  - uid: shop
	    name: Shop
	    endpoints:
	      - {uid: billing, url: "$HTTPS/billing", eventTypes: [invoice.paid]}
EOF
show 'cat "$BOX/tmp/shop.yaml"'
show 'hookloft apply --file /tmp/shop.yaml --dry-run'
refused 2 'hookloft apply --file /tmp/shop.yaml'
show 'hookloft apply --file /tmp/shop.yaml --yes'
show 'hookloft apply --file /tmp/shop.yaml'
echo 'applications: [{uid: shop, endpoint: []}]' | in_tmp wrong.yaml
refused 2 'hookloft apply --file /tmp/wrong.yaml'
hookloft apply --file /tmp/shop.yaml --profile staging --yes --quiet
hookloft app create Forgotten --uid forgotten --profile staging >/dev/null
hookloft apply --file /tmp/shop.yaml --profile staging --prune --yes >/dev/null
same '["shop"]' hookloft app list --profile staging --output json --jq 'map(.uid) | tojson'

say "Applications and endpoints"
show 'hookloft app create Kiosk --uid kiosk --metadata plan=gold --rate 100'
show 'hookloft app create Kiosk --uid kiosk --get-if-exists'
show 'hookloft app update kiosk --name "Kiosk Ltd" --metadata plan=free --rate 50 --uid kiosk-2'
show 'hookloft app get kiosk-2 --output yaml'
refused 1 'hookloft app create Kiosk --uid kiosk-2'
refused 2 'hookloft app delete kiosk-2'
show 'hookloft app delete kiosk-2 --yes'
refused 3 'hookloft app get kiosk-2'
show 'hookloft app list --output ndjson --jq "[.uid, .name]"'
echo whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3 | in_tmp key
show 'hookloft endpoint create shop "$HTTPS/till" --uid till --event-type invoice.paid --channel counter --description "the till" --header "X-Team: till" \
    --metadata floor=1 --rate 20 --secret @/tmp/key --disabled'
show 'hookloft endpoint update shop/till --url "$HTTPS/till2" --event-type "" --channel "" --description tills --metadata floor=2 --rate 30 --uid till-2'
show 'hookloft endpoint headers shop/till-2 --set "X-Env: box" --unset X-Team'
show 'hookloft endpoint enable shop/till-2'
show 'hookloft endpoint disable shop/till-2 --output json --jq .disabled'
same whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3 hookloft endpoint secret shop/till-2
show 'hookloft endpoint rotate shop/till-2 --grace 1h --yes'
hookloft endpoint rotate shop/till-2 --grace 0s --key @/tmp/key --yes --quiet >/dev/null
same whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3 hookloft endpoint secret shop/till-2
refused 2 'hookloft endpoint rotate shop/till-2 --grace 1000h --yes'
refused 1 'hookloft endpoint create shop https://10.0.0.1/'
show 'hookloft endpoint list shop'
show 'hookloft endpoint delete shop/till-2 --yes'
refused 3 'hookloft endpoint get shop/till-2'
hookloft endpoint get shop/billing --color always >/dev/null

say "Send and wait for the outcome; openssl verifies what came"
show 'MSG=$(hookloft send shop invoice.paid "{\"amount\": 5,  \"n\": 1.10}" --wait --timeout 30s --event-id invoice-1 --tag november --channel web --jq .message.id)'
same '{"amount": 5,  "n": 1.10}' cat "$WORK/received/billing/$MSG.1.body"
show 'verified billing "$MSG" "$(hookloft endpoint secret shop/billing)" && echo "openssl: genuine"'
refused 1 'hookloft send shop invoice.paid "{}" --event-id invoice-1'
refused 3 'hookloft send nobody invoice.paid "{}"'
refused 2 'hookloft send shop invoice.paid "{"'
show 'hookloft trigger invoice.paid --app shop --set amount=7 --dry-run'
show 'hookloft trigger invoice.paid --app shop --count 3 --rate 20/s'
refused 3 'hookloft trigger no.such --app shop'
show 'hookloft why "$MSG"'
refused 3 'hookloft why msg_nothing'

say "An endpoint that fails: why, and what failed is sent again once it is well"
mkdir -p "$WORK/received/broken" && echo 500 >"$WORK/received/broken/status"
show 'hookloft api PATCH /api/v1/management/environment-settings --data "{\"retryPolicy\": []}" --jq .retryPolicy'
show 'hookloft endpoint create shop "$HTTP/broken" --uid broken'
refused 6 'hookloft send shop invoice.paid "{\"amount\": 1}" --tag lost --channel web --wait'
show 'hookloft trigger invoice.paid --app shop --count 4 --quiet'
failures() { [ "$(hookloft api GET /api/v1/app/shop/attempt/endpoint/broken --query status=2 --query limit=50 --jq '.data | length')" = "$1" ]; }
await 10 failures 5
show 'hookloft why "$(hookloft endpoint get shop/broken --jq .id)"'
show 'hookloft replay shop/broken --since 1h --dry-run'
refused 2 'hookloft replay shop/broken --since 1h'
refused 2 'hookloft replay shop/broken --since yesterday'
refused 3 'hookloft replay shop/nobody --since 1h --yes'
echo 200 >"$WORK/received/broken/status"
show 'hookloft replay shop/broken --since 1h --yes'
same 10 count_of broken # five attempts that failed and five that did not
show 'hookloft replay shop/broken --since 1h --until "$(date -u +%FT%TZ)" --status all --event-type invoice.paid --channel web --tag lost --dry-run'
show 'TASK=$(hookloft replay shop/broken --since 1h --status all --rate 1/m --yes --detach) && echo "$TASK"'
show 'hookloft task pause "$TASK" --output json --jq .status'
show 'hookloft task resume "$TASK" --output json --jq .status'
show 'hookloft task get "$TASK"'
show 'hookloft replay --cancel "$TASK"'
refused 6 'hookloft replay --task "$TASK"'
show 'TASK=$(hookloft replay shop/broken --since 1h --status all --rate 1/m --yes --detach) && hookloft task cancel "$TASK"'
show 'hookloft task list --status failed --task endpoint.bulk-replay'
refused 3 'hookloft task get qtask_nothing'

say "tail: what happens, while it happens"
beside tail tail shop --count 3 --duration 30s --status success --endpoint billing --event-type invoice.paid --kind attempt --output ndjson --jq '[.eventType, .statusText, .responseStatusCode]'
beside_tail=$BESIDE
tailed() { hookloft trigger invoice.paid --app shop --quiet >/dev/null && [ "$(wc -l <"$WORK/tail")" -ge 3 ]; }
await 20 tailed
wait "$beside_tail"
RECEIVERS=${RECEIVERS% "$beside_tail"}
show 'cat "$WORK/tail" # hookloft tail shop --count 3 --status success --endpoint billing --jq "[.eventType, .statusText, .responseStatusCode]"'
hookloft tail --reason timeout_headers --duration 200ms
refused 2 'hookloft tail --status fialed'
refused 3 'hookloft tail nobody'

say "listen: webhooks on this machine; what comes while nobody listens is brought later, in order, once"
show 'hookloft listen --app shop --name laptop --print-secret'
LAPTOP=$(hookloft listen --app shop --name laptop --print-secret)
beside listen listen "$HTTP" --app shop --name laptop --path /laptop --events 'invoice.*' --output compact

listens() { api 200 GET /x/v1/app/shop/listener | jq -e '.data[] | select(.name == "laptop") | .connected' >/dev/null; }
await 10 listens
show 'hookloft trigger invoice.paid --app shop'
await 10 got laptop 1
show 'cat "$WORK/listen"'
LISTENED=$(basename "$(newest laptop)" .1)
show 'verified laptop "$LISTENED" "$LAPTOP" && echo "openssl: genuine"'
show 'end_beside 0'
show 'for n in 1 2 3 4 5; do hookloft send shop invoice.paid "{\"n\": $n}" --quiet; done'
same 1 count_of laptop
beside listen listen "$HTTP" --app shop --name laptop --path /laptop --output json --record /tmp/calls.ndjson
await 15 got laptop 6
end_beside 0
show 'jq -r ".request.body | @base64d" "$BOX/tmp/calls.ndjson"'
same 6 count_of laptop
beside listen listen "$HTTP/patchy" --app shop --name patchy --since 1h --channel web --skip-failed --fail-rate 50 --latency 1ms --forward-timeout 5s --output quiet
await 15 got patchy 2
end_beside 0
beside listen listen "$HTTP" --source bell --name bell --path /ding
BELL=$(api 200 GET $I/bell | jq -r .ingestUrl)
bell_listens() { api 200 GET /x/v1/source/bell/listener | jq -e '.data[] | select(.name == "bell") | .connected' >/dev/null; }
await 10 bell_listens
same 200 curl -sS -o /dev/null -w '%{http_code}' "$BELL" -d '{"who":"postman"}'
await 10 got ding 1
same '{"who":"postman"}' cat "$(newest ding).body"
end_beside 0
refused 2 'hookloft listen 3000'
refused 3 'hookloft listen 3000 --app nobody'

say "Event types as an OpenAPI document, and an environment as a file, for another one"
show 'hookloft event-types create invoice.voided --description "It was voided." --group invoice --schema "{\"type\": \"object\"}" --example "{\"amount\": 5}"'
refused 1 'hookloft event-types create invoice.voided'
show 'hookloft event-types list --archived'
hookloft event-types list --with-schemas --output json | holds 'any(.name == "invoice.voided" and .schemas["1"].type == "object")'
show 'hookloft event-types export /tmp/webhooks.json'
holds '.openapi == "3.1.0" and .webhooks["invoice.voided"] != null' <"$BOX/tmp/webhooks.json"
hookloft event-types export --format apply --output yaml | grep 'name: invoice.voided' >/dev/null
echo '{"openapi":"3.1.0"' | in_tmp broken.json
show 'hookloft export /tmp/environment.json'
show 'hookloft import /tmp/environment.json --profile staging --dry-run'
refused 2 'hookloft import /tmp/environment.json --profile staging'
show 'hookloft import /tmp/environment.json --profile staging --yes'
hookloft event-types list --profile staging --output json | holds 'any(.name == "invoice.voided")'
hookloft event-types create old.type --profile staging >/dev/null
show 'hookloft event-types import /tmp/webhooks.json --profile staging --dry-run'
refused 2 'hookloft event-types import /tmp/webhooks.json --profile staging --replace-all'
show 'hookloft event-types import /tmp/webhooks.json --profile staging --replace-all --yes'
refused 2 'hookloft event-types import /tmp/nothing'
hookloft event-types list --profile staging --archived --output json | holds '.[] | select(.name == "old.type") | .archived'
refused 1 'hookloft event-types import /tmp/broken.json'
refused 2 'hookloft import /tmp/broken.json --yes'

say "Moving here from a server that speaks the Svix API, which this one does itself"
hookloft environment create --data /data moved >/dev/null
hookloft token create --data /data --environment moved | in_tmp moved.token
echo "$TOKEN" | in_tmp main.token
show 'MIGRATE=(hookloft migrate svix --from "$URL" --from-token @/tmp/main.token --token @/tmp/moved.token)'
refused 6 '"${MIGRATE[@]}" --dry-run --output ndjson --jq "select(.name | startswith(\"shop\")) | [.action, .kind, .name]"'
refused 6 '"${MIGRATE[@]}" --messages --since 1h >/dev/null'
same "$(hookloft endpoint secret shop/billing)" hookloft endpoint secret shop/billing --token @/tmp/moved.token
hookloft api GET /api/v1/app/shop/msg --token @/tmp/moved.token | holds --arg tag "svix/$MSG" 'any(.data[]; .tags | index($tag) != null)'
refused 4 'hookloft migrate svix --from "$URL" --from-token wrong --token @/tmp/moved.token'
refused 2 'hookloft migrate svix --from "$URL"'

say "Everything else: api, prune, completion, logout"
show 'hookloft api GET /api/v1/event-type --paginate --jq ".[].name"'
show 'hookloft api POST /api/v1/app --data "{\"name\": \"Stand\", \"uid\": \"stand\"}" --header "Idempotency-Key: stand" --jq .uid'
show 'hookloft api DELETE /api/v1/app/stand --verbose'
refused 3 'hookloft api GET /api/v1/app/stand'
refused 1 'hookloft api POST /api/v1/app --data "{}"'
show 'hookloft prune --data /data --dry-run'
show 'hookloft prune --data /data --before 1d --yes'
refused 2 'hookloft prune --data /data --before tomorrow --yes'
for shell in bash zsh fish powershell; do hookloft completion $shell | grep hookloft >/dev/null; done
refused 2 'hookloft completion csh'
show 'hookloft __complete endpoint get shop/ 2>/dev/null'
show 'hookloft logout --profile staging'
show 'hookloft logout'
refused 4 'hookloft whoami --server "$URL"'
! grep -rq "$TOKEN" "$BOX/user" || fail "a token that was logged out is still there"
! grep -q -e "$LAPTOP" "$WORK/log" || fail "a listener's secret stands in the log"
PAGE=receiving BOX_HOME=
