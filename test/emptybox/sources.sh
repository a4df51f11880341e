# Every command and operation for sources, with bad input too: exit code 1 is a no, 2 is
# misuse, 3 is not found. Part of run.sh, after receive.sh.

say "What is known about providers"
show 'hookloft providers | sed -n "1,4p"'
show 'hookloft providers stripe'
hookloft providers --json | jq -e 'length >= 60 and all(.name != "" and .confidence.signature != null)' >/dev/null
hookloft providers stripe --json | jq -e '.toleranceSeconds == 300 and .secretOptional == false' >/dev/null
refused 2 'hookloft providers strip'
api 200 GET /x/v1/provider | jq -e '.data | length >= 60' >/dev/null
api 200 GET /x/v1/provider/github | jq -e '.name == "github" and (.confidence.signature | startswith("confirmed"))' >/dev/null
api 404 GET /x/v1/provider/nobody >/dev/null

say "verify: exit code 0 and id and type if genuine, 1 and the reason if not, 2 for misuse"
cp "$WORK/evt_1.json" "$WORK/evt_1.header" "$WORK/evt_forged.json" "$BOX/tmp/" && chmod 644 "$BOX"/tmp/evt_*
SIGNED=$(sed -n 's/.*: t=\([0-9]*\),.*/\1/p' "$WORK/evt_1.header")
show 'VERIFY=(hookloft verify --provider stripe --headers /tmp/evt_1.header --now "$SIGNED")'
show '"${VERIFY[@]}" --secret @/tmp/stripe.secret --body /tmp/evt_1.json'
show '"${VERIFY[@]}" --secret the-one-of-last-year --secret @/tmp/stripe.secret --body /tmp/evt_1.json'
refused 1 '"${VERIFY[@]}" --secret @/tmp/stripe.secret --body /tmp/evt_forged.json'
refused 1 '"${VERIFY[@]}" --secret the-one-of-last-year --body /tmp/evt_1.json'
refused 1 '"${VERIFY[@]}" --secret "" --body /tmp/evt_1.json'
refused 1 '"${VERIFY[@]}" --now $((SIGNED + 312)) --secret @/tmp/stripe.secret --body /tmp/evt_1.json'
refused 2 '"${VERIFY[@]}" --body /tmp/evt_1.json'
refused 2 '"${VERIFY[@]}" --secret @/tmp/stripe.secret --body /tmp/nothing'
refused 2 'hookloft verify --provider strip --secret s --headers /tmp/evt_1.header --body /tmp/evt_1.json'

say "A handshake is answered, on the command line as at the URL"
: >"$BOX/tmp/empty" && chmod 644 "$BOX/tmp/empty"
ASKED='?hub.mode=subscribe&hub.verify_token=mine&hub.challenge=1158201444'
show 'hookloft verify --provider meta --secret s --config verify_token=mine --method GET --url "https://localhost/in/x$ASKED" --headers /tmp/empty --body /tmp/empty'
META=$(hookloft source create --data /data --environment production --type meta --secret s --config verify_token=mine --forward "$HTTP/meta" 2>"$WORK/error")
show 'curl -sS "$META$ASKED" && echo'
is 1158201444 curl -sS "$META$ASKED"

say "sign: what a provider would send, to try things"
echo "It's a Secret to Everybody" >"$BOX/tmp/github.secret" && chmod 644 "$BOX/tmp/github.secret"
cp "$SAMPLES/github.json" "$SAMPLES/slack.json" "$SAMPLES/twilio.form" "$BOX/tmp/" && chmod 644 "$BOX"/tmp/*.json "$BOX"/tmp/*.form
echo 'X-GitHub-Event: issues' >"$BOX/tmp/github.header" && chmod 644 "$BOX/tmp/github.header"
show 'hookloft sign --provider slack --secret s --body /tmp/slack.json | hookloft verify --provider slack --secret s --headers - --body /tmp/slack.json'
show 'GITHUB=$(hookloft source create --data /data --environment production --type github --secret @/tmp/github.secret --forward "$HTTPS/ci")'
show 'hookloft sign --provider github --secret @/tmp/github.secret --body /tmp/github.json --headers /tmp/github.header \
    --id delivery-1 --url "$GITHUB" --curl | tee "$WORK/curl"'
# It names the body as the box does; curl runs outside.
show '(cd "$BOX/tmp" && bash -c "$(sed "s#@/tmp/#@#; s#curl -i#curl -sS -w %{http_code}#" "$WORK/curl")") | tee "$WORK/status" && echo'
is 200 cat "$WORK/status"
await 30 test -e "$WORK/received/ci"
twilio=(--provider twilio --secret s --method POST --url https://localhost/in/x --body /tmp/twilio.form)
hookloft sign "${twilio[@]}" | hookloft verify "${twilio[@]}" --headers - >/dev/null
generic=(--provider generic --secret s --config header=X-Mine --config prefix=sha256= --config algorithm=sha512 --body /tmp/slack.json)
hookloft sign "${generic[@]}" --now 1795219164 | hookloft verify "${generic[@]}" --headers - >/dev/null
# Mailgun signs in the body, and SNS with a key that is published: not to be had in the box.
echo '{"event-data":{"id":"m-1","event":"opened"}}' >"$BOX/tmp/mailgun.json" && chmod 644 "$BOX/tmp/mailgun.json"
hookloft sign --provider mailgun --secret s --body /tmp/mailgun.json --body-out /tmp/mailgun.signed >"$BOX/tmp/mailgun.header"
hookloft verify --provider mailgun --secret s --headers /tmp/mailgun.header --body /tmp/mailgun.signed | grep -q 'm-1'
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$BOX/tmp/sns.key" 2>/dev/null && chmod 644 "$BOX/tmp/sns.key"
hookloft sign --provider aws-sns --secret @/tmp/sns.key --config allowed_topic_arns='["arn:aws:sns:us-east-1:123456789012:t"]' \
	--body /tmp/slack.json --body-out /tmp/sns.json >"$BOX/tmp/sns.header"
code=0
hookloft verify --provider aws-sns --config allowed_topic_arns='["arn:aws:sns:us-east-1:123456789012:t"]' --fetch-keys \
	--headers /tmp/sns.header --body /tmp/sns.json 2>"$WORK/error" || code=$?
[ "$code" = 1 ] && grep -q "the sender's key could not be had" "$WORK/error" || fail "a key was had in a box without a network: $code"
refused 2 'hookloft sign --provider stripe --secret s --body /tmp/evt_1.json --id x'
refused 2 'hookloft sign --provider github --secret s --body /tmp/github.json --curl'
refused 2 'hookloft sign --provider github --body /tmp/github.json'

say "source create: what it refuses"
CREATE=(hookloft source create --data /data --environment production)
refused 2 '"${CREATE[@]}" --type strip --secret s --forward "$HTTPS/x"'
refused 2 '"${CREATE[@]}" --type airwallex --secret s --forward "$HTTPS/x"'
refused 2 '"${CREATE[@]}" --type stripe --secret s'
refused 2 '"${CREATE[@]}" --type stripe --forward "$HTTPS/x"'
refused 2 '"${CREATE[@]}" --type stripe --secret s --config colour=red --forward "$HTTPS/x"'
refused 2 '"${CREATE[@]}" --type stripe --secret s --forward https://10.0.0.1/'
refused 3 'hookloft source list --data /tmp/nothing'

say "source rotate and delete"
show 'ROTATED=$(hookloft source rotate --data /data "$SOURCE") && echo "$ROTATED"'
[ "$ROTATED" != "$STRIPE" ]
event evt_5 && stripe_header "$STRIPE_SECRET" "$WORK/evt_5.json" >"$WORK/evt_5.header"
event evt_6 && stripe_header "$STRIPE_SECRET" "$WORK/evt_6.json" >"$WORK/evt_6.header"
# The old URL works for 48 hours more.
show 'for url in "$STRIPE" "$ROTATED"; do "${SEND[@]}" "$url" -H @"$WORK/evt_5.header" --data-binary @"$WORK/evt_5.json"; done | tee "$WORK/status"'
is "200 200" eval 'echo $(cat "$WORK/status")'
refused 3 'hookloft source rotate --data /data src_nobody'
show 'DOOMED=$("${CREATE[@]}" --name Doomed --type cron --config schedule="0 9 * * 1" --config payload="{}" --forward "$HTTPS/x") && echo "$DOOMED"'
refused 2 'echo y | hookloft source delete --data /data "$DOOMED"'
show 'hookloft source delete --data /data "$DOOMED" --yes'
refused 3 'hookloft source delete --data /data "$DOOMED" --yes'

say "The same by API: sources"
I=/ingest/api/v1/source
OPEN=$(api 201 POST $I '{"name":"Open","type":"generic-webhook","uid":"open"}')
DOOR=$(jq -r .ingestUrl <<<"$OPEN")
api 409 POST $I '{"name":"Open","type":"generic-webhook","uid":"open"}' | jq -c .
api 422 POST $I '{"name":"Cards","type":"airwallex","config":{"secret":"s"}}' | jq -r '.detail[0].msg' | grep 'scheme unknown, use generic-webhook'
api 422 POST $I '{"name":"Cards","type":"stripe","config":{"secert":"s"}}' | jq -r '.detail[0].msg'
api 422 POST $I '{"name":"Cards","type":"stripe","config":{"secret":""}}' | jq -r '.detail[0].msg'
api 422 POST $I '{"name":"Cards"}' >/dev/null
api 422 POST $I '{"name":' >/dev/null
api 200 GET $I | jq -e '.data | length == 4' >/dev/null
api 200 GET $I/open | jq -e --argjson open "$OPEN" '. == $open' >/dev/null
api 404 GET $I/nobody >/dev/null
api 200 PATCH $I/open '{"metadata":{"team":"bread"}}' | jq -e '.metadata.team == "bread"' >/dev/null
api 200 PUT $I/open '{"name":"Opened","type":"generic-webhook","uid":"open"}' | jq -e --arg url "$DOOR" '.name == "Opened" and .ingestUrl == $url' >/dev/null
api 201 PUT $I/second '{"name":"Second","type":"github","uid":"second","config":{"secrets":["one","two"]}}' | jq -e '.config == {}' >/dev/null
api 204 DELETE $I/second
api 404 DELETE $I/second >/dev/null
NEW_DOOR=$(api 200 POST $I/open/token/rotate | jq -r .ingestUrl)
for url in "$DOOR" "$NEW_DOOR"; do is 200 curl -sS -o /dev/null -w '%{http_code}' "$url" -d "n=${#url}"; done
is 404 curl -sS -o /dev/null -w '%{http_code}' "$URL/in/nobody" -d x

say "Endpoints of a source"
E=$I/open/endpoint
api 201 POST $E '{"url":"'"$HTTPS"'/open","uid":"open","secret":"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"}' | jq -c '{uid, disabled}'
api 422 POST $E '{"url":"https://10.0.0.1/"}' | jq -r '.detail[0].msg'
api 200 PUT $E/other '{"url":"'"$HTTP"'/other","uid":"other","throttleRate":50}' | jq -e '.throttleRate == 50' >/dev/null
api 200 GET $E | jq -e '.data | length == 2' >/dev/null
api 200 GET $E/open | jq -e '.uid == "open"' >/dev/null
api 204 PUT $E/open/headers '{"headers":{"X-Team":"bread"}}'
api 200 GET $E/open/headers | jq -e '.headers == {"X-Team": "bread"}' >/dev/null
api 204 POST $E/open/secret/rotate '{"gracePeriodSeconds":0}'
OPEN_KEY=$(api 200 GET $E/open/secret | jq -r .key)
api 422 POST $E/open/secret/rotate '{"key":"short"}' >/dev/null
api 200 GET $E/open/transformation | jq -e '.enabled == false and .code == null' >/dev/null
api 204 DELETE $E/other
api 404 GET $E/other >/dev/null

say "A portal for whoever the source is for, and its application, which only the source changes"
OPEN_APP=$(api 200 GET /x/v1/source/open/settings | jq -r .applicationId)
PORTAL=$(api 200 POST $I/open/dashboard '{"readOnly":true}' | jq -r .token)
api 422 POST $I/open/dashboard '{"expiry":1}' >/dev/null
OPERATOR=$TOKEN TOKEN=$PORTAL
api 200 GET "/api/v1/app/$OPEN_APP/endpoint" | jq -e '.data | length == 1' >/dev/null
api 403 GET $I/open >/dev/null
TOKEN=$OPERATOR
api 409 POST "/api/v1/app/$OPEN_APP/msg" '{"eventType":"order.paid","payload":{}}' | jq -c .
api 409 DELETE "/api/v1/app/$OPEN_APP" >/dev/null

say "Settings of a source, in effect at its URL"
X=/x/v1/source/open/settings
settled() { # settled CODE SETTINGS [CURL OPTIONS...]: with these settings, a request is answered so
	local want=$1 status
	api 200 PUT $X "$2" >/dev/null
	shift 2
	status=$(curl -sS -D "$WORK/head" -o "$WORK/body" -w '%{http_code}' "$DOOR" "$@")
	printf '%s: %s\n' "$status" "$(head -c 200 "$WORK/body")"
	[ "$status" = "$want" ] || fail "answered $status, want $want"
}
settled 202 '{"answer":{"status":202,"headers":{"X-Thanks":"yes"},"body":"taken"}}' -d a
is yes header "$WORK/head" x-thanks
is taken cat "$WORK/body"
settled 413 '{"maxBodyBytes":1024}' -d "$(printf '%02000d' 0)"
settled 405 '{"methods":["PUT"]}' -d a
settled 200 '{"methods":["PUT"]}' -X PUT -d a -H 'Content-Type: text/plain'
settled 403 '{"networks":["192.0.2.0/24"]}' -d b
settled 422 '{"validate":{"syntax":"json"}}' -d '{"open":'
settled 200 '{"ratePerMinute":1}' -d c
settled 429 '{"ratePerMinute":1}' -d d
header "$WORK/head" retry-after | grep -q '^[1-9]'
api 200 PATCH $X '{"ratePerMinute":null,"dedupe":{"by":"header","name":"X-Once"}}' | jq -e '.ratePerMinute == null and .dedupe.by == "header"' >/dev/null
api 422 PATCH $X '{"ratePerMinuet":1}' | jq -r '.detail[0].msg'
api 422 PUT $X '{"maxBodyBytes":1000000000}' | jq -r '.detail[0].msg'
api 422 PUT $X '{"publishTo":"nobody"}' | jq -r '.detail[0].msg'
put_arrived() { grep -l '^PUT /open ' "$WORK"/received/open/*.headers >"$WORK/put" 2>/dev/null; }
await 30 put_arrived
PUT_ID=$(header "$(head -n 1 "$WORK/put")" webhook-id)
verified open "$PUT_ID" "$OPEN_KEY"
is text/plain header "$WORK/received/open/$PUT_ID.1.headers" content-type
is bread header "$WORK/received/open/$PUT_ID.1.headers" x-team

say "A verified event fans out to the endpoints of a customer's application"
api 200 PATCH "/x/v1/source/$SOURCE/settings" '{"publishTo":"acme"}' | jq -e '.publishTo != null' >/dev/null
is 200 "${SEND[@]}" "$ROTATED" -H @"$WORK/evt_6.header" --data-binary @"$WORK/evt_6.json"
await 30 arrived evt_6
fanned_out() { api 200 GET $A/msg | jq -re '[.data[] | select(.eventType == "invoice.paid")][0].id' >"$WORK/fanned"; }
await 30 fanned_out
await 30 received first "$(cat "$WORK/fanned")"
verified first "$(cat "$WORK/fanned")" "$NEW"

say "What a source has counted"
await 30 eval 'api 200 GET /x/v1/source/open/stats | jq -e ".totals.rejected >= 4" >/dev/null'
api 200 GET /x/v1/source/open/stats | jq -c .totals
api 400 GET '/x/v1/source/open/stats?since=yesterday' >/dev/null
api 200 GET $I/open/log | jq -r '.data[] | "\(.status_code) \(.error_text)"'
api 404 GET $I/nobody/log >/dev/null
for n in 1 2 3 4 5 6; do
	! received payments "$(message evt_$n)" 2 || fail "evt_$n came twice"
done
