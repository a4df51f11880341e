# What an event type asks of its payloads, what people do not see of them, what is watched,
# and what a receiver must agree to. Part of run.sh, after poll.sh.

say "Payloads are compared with their schema as they are published, once that is asked for"
show 'hookloft event-types create card.charged --schema "{\"type\": \"object\", \"required\": [\"amount\"], \"properties\": {\"amount\": {\"type\": \"integer\"}}}"'
echo '{"amount": "5"}' | in_tmp wrong.json
echo '{"amount": 5, "card": {"number": "4242424242424242", "last4": "4242"}}' | in_tmp card.json
refused 1 'hookloft event-types check card.charged @/tmp/wrong.json'
show 'hookloft event-types check card.charged @/tmp/card.json'
Y=/x/v1/event-type/card.charged
api 200 GET $Y/validation | holds '.enabled == false and .schemaVersion == "1"'
api 200 PUT $Y/validation '{"enabled":true}' | holds '.enabled'
api 422 PUT $Y/validation '{}' | holds '.detail[0].loc == ["body", "enabled"]'
api 200 POST $Y/validate '{"payload":{"amount":1.5}}' | holds '.valid == false and (.errors | length > 0)'
api 422 POST $Y/validate '{}' | holds '.detail[0].loc == ["body", "payload"]'
refused 1 'hookloft send forge card.charged @/tmp/wrong.json'
api 422 POST $G/msg '{"eventType":"card.charged","payload":{"amount":"5"}}' | holds '.detail[0].loc == ["body", "payload", "amount"]'

say "What people do not see of a payload; what is sent stays whole"
api 200 PUT $Y/redaction '{"redact":["card.number"]}' | holds '.redact == ["card.number"]'
api 200 GET $Y/redaction | holds '.redact == ["card.number"]'
api 422 PUT $Y/redaction '{"redact":["card..number"]}' | jq -c '.detail[0].loc'
show 'CARD=$(hookloft send forge card.charged @/tmp/card.json --output id)'
await 10 received billing2 "$CARD"
show 'hookloft api GET "/api/v1/app/forge/msg/$CARD" --jq .payload'
same '{"amount": 5, "card": {"number": "4242424242424242", "last4": "4242"}}' cat "$WORK/received/billing2/$CARD.1.body"
api 200 GET "$G/msg/$CARD/raw" | holds 'tostring | contains("4242424242424242") | not'
api 200 GET "$G/msg/$CARD?redacted=false" | holds '.payload.card.number == "4242424242424242"'
! grep -q 4242424242424242 "$WORK/log" || fail "what is redacted stands in the log"

say "A document that is watched: its change is a message"
mkdir -p "$WORK/received/rates" && echo '{"eur": 1}' >"$WORK/received/rates/answer"
api 422 POST $I '{"name":"Rates","type":"poll","uid":"rates","config":{"url":"https://10.0.0.1/"}}' | jq -c '.detail[0]'
RATES=$(api 201 POST $I '{"name":"Rates","type":"poll","uid":"rates","config":{"url":"'"$HTTPS"'/rates","interval":"10s"}}')
api 201 POST $I/rates/endpoint '{"url":"'"$HTTPS"'/changed","uid":"changed"}' >/dev/null
await 20 got rates 1
echo '{"eur": 2}' >"$WORK/received/rates/answer"

say "A receiver must agree before anything is sent to it"
show 'hookloft endpoint create forge "$HTTPS/polite" --uid polite --event-type polite.asked'
refused 1 'hookloft endpoint verify forge/polite --method challenge'
ASKED=$(publish polite.asked '{"n":1}')
sleep 1
! received polite "$ASKED" || fail "a receiver that did not agree was sent to"
show 'hookloft hold forge/polite'
touch "$WORK/received/polite/agree"
sleep 1.1 # it is asked every two seconds at most
show 'hookloft endpoint verify forge/polite'
await 10 received polite "$ASKED"
for at in $GX/endpoint/polite $GX/destination/line $GS/gate; do
	api 200 PUT $at/consent '{"method":"test"}' | holds '.required and .method == "test"'
	await 10 eval 'api 200 GET $at/consent | jq -e .verified >/dev/null'
	sleep 2
	api 200 POST $at/consent '{"method":"test"}' | holds '.verified and .error == null'
	api 422 PUT $at/consent '{"method":"ask"}' | holds '.detail[0].loc == ["body", "method"]'
	api 204 DELETE $at/consent
	api 200 GET $at/consent | holds '.required == false'
done
await 20 got changed 1
same '{"eur": 2}' cat "$(newest changed).body"
api 204 DELETE $I/rates
