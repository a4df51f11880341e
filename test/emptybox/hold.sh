# Pause and resume, and the latest of a key. Part of run.sh, after rules.sh.

say "Paused: what comes waits, also over a kill; resumed at a pace"
show 'hookloft pause forge/billing --note "they move house"'
PAUSED=$(for n in 1 2 3; do publish a.b '{"n":'$n'}'; done)
show 'stop KILL 2>/dev/null || echo "exit code $?"'
show 'serve "${MAIN[@]}"'
show 'hookloft hold forge/billing'
api 200 GET $GX/endpoint/billing/hold | holds '.state == "held" and .reason == "paused" and .waiting == 3 and .note == "they move house"'
show 'hookloft why "$(head -n 1 <<<"$PAUSED")" | sed -n "1,2p"'
for id in $PAUSED; do ! received billing2 "$id" || fail "a paused endpoint was sent to"; done
show 'hookloft resume forge/billing --rate 50'
for id in $PAUSED; do await 10 received billing2 "$id"; done
show 'hookloft pause forge --note all'
show 'hookloft resume forge'
show 'hookloft pause gate --source'
show 'hookloft hold gate --source --output json --jq .by'
show 'hookloft resume gate --source'
api 201 POST $G/destination '{"type":"fifoEndpoint","uid":"pausable","config":{"url":"'"$HTTPS"'/pausable"}}' >/dev/null
show 'hookloft pause forge/pausable --destination'
api 200 GET $G/destination/pausable | holds '.status == "paused"'
show 'hookloft hold forge/pausable --destination --output json --jq .by'
show 'hookloft resume forge/pausable --destination'
refused 3 'hookloft pause nobody'
refused 1 'hookloft resume forge/billing --rate 100000'
for at in $GX/endpoint/billing $GX/destination/pausable $GX $GS/gate /x/v1/source/gate; do
	api 200 POST $at/pause '{"note":"n"}' | holds '.state == "held"'
	api 200 GET $at/hold | holds '.state == "held" and .note == "n"'
	api 422 POST $at/resume '{"drainRate":0}' | holds '.detail[0].loc == ["body", "drainRate"]'
	api 200 POST $at/resume | holds '.state != "held"'
	api 422 POST $at/pause '{"note":5}' | holds '.detail[0].loc == ["body", "note"]'
done

say "Only the latest of a key"
show 'hookloft endpoint create forge "$HTTPS/latest" --uid latest --event-type stock.changed'
show 'hookloft endpoint latest forge/latest --key sku --window 2s'
STOCK=$(for n in 1 2 3; do publish stock.changed '{"sku":"bread","n":'$n'}'; done)
await 10 received latest "$(tail -n 1 <<<"$STOCK")"
same 1 count_of latest
show 'hookloft why "$(head -n 1 <<<"$STOCK")" | sed -n "1,2p"'
show 'hookloft endpoint latest forge/latest --off'
for at in $GX/endpoint/latest $GS/gate; do
	api 200 PUT $at/latest '{"key":"sku","windowSeconds":2}' | holds '.enabled and .windowSeconds == 2'
	api 200 GET $at/latest | holds '.key == "sku" and .maxWaitSeconds == 20'
	api 422 PUT $at/latest '{"windowSeconds":0}' | holds '.detail[0].loc == ["body", "windowSeconds"]'
	api 204 DELETE $at/latest
done
show 'hookloft logout'
api 200 PATCH $S '{"retryPolicy":[2,2,2]}' >/dev/null
PAGE=receiving BOX_HOME=
