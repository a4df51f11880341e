# Receiving: a package of the provider's own signs, the binary in the box verifies, stores
# and forwards over TLS, and is killed in between. Part of run.sh; what is shown here is
# most of docs/receiving-transcript.md.
export CURL_CA_BUNDLE=$WORK/ca.pem # for every curl from here on
SAMPLES=$HERE/../../docs/receiving/samples

# signer makes stripe_header SECRET BODY-FILE [UNIX-SECONDS]; without arguments it says by
# what it signs. Installed already, the npm package is the fastest to have.
signer() {
	if [ -d "$HERE/../compat/node/inbound/node_modules/stripe" ] && command -v node >/dev/null; then
		stripe_header() { (cd "$HERE/../compat/node/inbound" && node "$HERE/testdata/stripesign.mjs" "$@"); }
	elif (cd "$HERE/../compat" && go build -o "$WORK/stripesign" ../emptybox/testdata/stripesign.go) 2>"$WORK/error"; then
		stripe_header() { "$WORK/stripesign" "$@"; }
	else
		cat "$WORK/error"
		stripe_header() { python3 "$HERE/testdata/stripesign.py" "$@"; }
	fi
}

# event ID [SED-EXPRESSION] makes an event of the sample, as Stripe would send it.
event() { sed -e "s/evt_docs_0001/$1/" ${2:+-e "$2"} "$SAMPLES/stripe.json" >"$WORK/$1.json"; }

# message DELIVERY-ID prints the message that a delivery of the provider became.
message() {
	api 200 GET "/api/v1/app/$SOURCE_APP/msg?limit=250" |
		jq -re --arg id "$1" '.data[] | select(.inbound.deliveryId == $id) | .id'
}

# arrived DELIVERY-ID: it has come to both services.
arrived() {
	local id
	id=$(message "$1") && received payments "$id" && received ledger "$id"
}

# total WHAT N: the source has counted N requests of that verdict.
total() { api 200 GET "/x/v1/source/$SOURCE/stats" | jq -e --arg of "$1" --argjson n "$2" '.totals[$of] == $n' >/dev/null; }

say "Who signs"
signer
show 'stripe_header'

say "A source for Stripe, made in the box while its server runs"
STRIPE_SECRET=whsec_$(openssl rand -hex 16)
echo "$STRIPE_SECRET" >"$BOX/tmp/stripe.secret" && chmod 644 "$BOX/tmp/stripe.secret"
show 'STRIPE=$(hookloft source create --data /data --environment production --name Payments --type stripe \
    --secret @/tmp/stripe.secret --forward "$HTTPS/payments" --forward "$HTTP/ledger")'
show 'echo "$STRIPE"'
show 'hookloft source list --data /data | tr -s " "'
[ "${STRIPE%/in/*}" = "https://localhost:$PORT" ] || fail "the URL does not begin with --public-url"
SOURCE=$(hookloft source list --data /data | awk '$2 == "stripe" { print $1 }')
SOURCE_APP=$(api 200 GET "/x/v1/source/$SOURCE/settings" | jq -r .applicationId)
api 200 PATCH $S '{"retryPolicy":[1,1,2,2,3,3,5,5,5,10,10,10]}' >/dev/null

say "An event, signed so, is posted with curl: 200"
event evt_1
show 'head -n 6 "$WORK/evt_1.json"'
show 'stripe_header "$STRIPE_SECRET" "$WORK/evt_1.json" | tee "$WORK/evt_1.header"'
show 'SEND=(curl -sS -o /dev/null -w "%{http_code}\n" -H "Content-Type: application/json")'
show '"${SEND[@]}" "$STRIPE/eu?team=bread" -H @"$WORK/evt_1.header" --data-binary @"$WORK/evt_1.json" | tee "$WORK/status"'
is 200 cat "$WORK/status"

say "Both services, one over https and one over http, have its very bytes under our signature"
await 30 arrived evt_1
show 'MSG=$(message evt_1) && echo "$MSG"'
show 'cmp "$WORK/evt_1.json" "$WORK/received/payments/$MSG.1.body" && echo "the same bytes"'
show 'cmp "$WORK/evt_1.json" "$WORK/received/ledger/$MSG.1.body" && echo "the same bytes"'
show 'grep -i -E "^(POST|content-type|stripe-|x-hookloft|webhook-)" "$WORK/received/payments/$MSG.1.headers" | sort -f'
grep -q '^POST /payments/eu?team=bread HTTP' "$WORK/received/payments/$MSG.1.headers"
is stripe header "$WORK/received/ledger/$MSG.1.headers" x-hookloft-provider
is evt_1 header "$WORK/received/ledger/$MSG.1.headers" x-hookloft-delivery-id
key_of() { # key_of SERVICE prints the secret with which that service verifies
	local id
	id=$(api 200 GET "/ingest/api/v1/source/$SOURCE/endpoint" | jq -re --arg path "/$1" '.data[] | select(.url | endswith($path)) | .id')
	api 200 GET "/ingest/api/v1/source/$SOURCE/endpoint/$id/secret" | jq -r .key
}
PAYMENTS_KEY=$(key_of payments) LEDGER_KEY=$(key_of ledger)
show 'verified payments "$MSG" "$PAYMENTS_KEY" && verified ledger "$MSG" "$LEDGER_KEY" && echo "openssl: genuine"'

say "The same event once more: 200, and nothing is forwarded"
stripe_header "$STRIPE_SECRET" "$WORK/evt_1.json" >"$WORK/evt_1.again"
show '"${SEND[@]}" "$STRIPE/eu?team=bread" -H @"$WORK/evt_1.header" --data-binary @"$WORK/evt_1.json" | tee "$WORK/status"'
is 200 cat "$WORK/status"
show '"${SEND[@]}" "$STRIPE/eu?team=bread" -H @"$WORK/evt_1.again" --data-binary @"$WORK/evt_1.json" | tee "$WORK/status" # signed anew'
is 200 cat "$WORK/status"
await 20 total duplicate 2
show 'api 200 GET "/api/v1/app/$SOURCE_APP/msg" | jq -c ".data[] | {id, eventType, deliveryId: .inbound.deliveryId}"'
is 1 eval 'api 200 GET "/api/v1/app/$SOURCE_APP/msg" | jq ".data | length"'

say "Another amount under a genuine signature, one of an hour ago, none: 401, and the log says why"
event evt_forged 's/1250/9250/' && event evt_late
stripe_header "$STRIPE_SECRET" "$WORK/evt_late.json" $(($(date +%s) - 3600)) >"$WORK/evt_late.header"
show '"${SEND[@]}" "$STRIPE" -H @"$WORK/evt_1.header" --data-binary @"$WORK/evt_forged.json" | tee "$WORK/status"'
is 401 cat "$WORK/status"
show '"${SEND[@]}" "$STRIPE" -H @"$WORK/evt_late.header" --data-binary @"$WORK/evt_late.json" | tee "$WORK/status"'
is 401 cat "$WORK/status"
show '"${SEND[@]}" "$STRIPE" --data-binary @"$WORK/evt_forged.json" | tee "$WORK/status"'
is 401 cat "$WORK/status"
rejections() { api 200 GET "/ingest/api/v1/source/$SOURCE/log" | jq -c '.data[] | {status_code, error_text}'; }
await 20 eval '[ "$(rejections | wc -l)" = 3 ]'
show 'rejections'
rejections | grep -q '"no signature matches' || fail "the log does not say that no signature matches"
rejections | grep -q 'it is 36[0-9]* s old; the tolerance is 300 s' || fail "the log does not say how old the signature is"

say "Both services go down; three events come; the server is killed with kill -9"
services_down() {
	local pid
	for pid in $RECEIVERS; do kill "$pid" && wait "$pid" 2>/dev/null || true; done
	RECEIVERS=''
}
services_up() { receivers "${HTTP##*:}" "${HTTPS##*:}"; }
for n in 2 3 4; do
	event evt_$n
	stripe_header "$STRIPE_SECRET" "$WORK/evt_$n.json" >"$WORK/evt_$n.header"
done
show 'services_down'
refused 7 'curl -sS "$HTTPS/payments"'
show 'for n in 2 3 4; do
    "${SEND[@]}" "$STRIPE" -H @"$WORK/evt_$n.header" --data-binary @"$WORK/evt_$n.json"
done | tee "$WORK/status"'
is "200 200 200" eval 'echo $(cat "$WORK/status")'
show 'stop KILL 2>/dev/null || echo "exit code $?"'
refused 7 '"${SEND[@]}" "$STRIPE"'

say "The server starts again, then the services: all that was answered arrives, each once"
show 'serve "${MAIN[@]}"'
show 'services_up'
show 'await 60 arrived evt_2 && await 60 arrived evt_3 && await 60 arrived evt_4'
for n in 1 2 3 4; do
	id=$(message evt_$n)
	cmp "$WORK/evt_$n.json" "$WORK/received/payments/$id.1.body"
	cmp "$WORK/evt_$n.json" "$WORK/received/ledger/$id.1.body"
	verified payments "$id" "$PAYMENTS_KEY"
	verified ledger "$id" "$LEDGER_KEY"
done
# How often each webhook-id has come to a service.
once() { grep -hi '^webhook-id:' "$WORK/received/$1"/*.headers | tr -d '\r' | sort | uniq -c; }
show 'once payments'
show 'once ledger'
for service in payments ledger; do
	[ "$(once $service | awk '$1 == 1' | wc -l)" = 4 ] && [ "$(once $service | wc -l)" = 4 ] || fail "$service did not get four messages once each"
done

say "After the kill it still knows what it has seen"
show '"${SEND[@]}" "$STRIPE" -H @"$WORK/evt_3.header" --data-binary @"$WORK/evt_3.json" | tee "$WORK/status"'
is 200 cat "$WORK/status"
await 20 eval 'api 200 GET "/x/v1/source/$SOURCE/stats" | jq -e ".totals.duplicate >= 1" >/dev/null'
is 4 eval 'api 200 GET "/api/v1/app/$SOURCE_APP/msg" | jq ".data | length"'
! grep -q -e "$STRIPE_SECRET" -e "${STRIPE##*/}" "$WORK/log" || fail "a secret of the source stands in the log"
