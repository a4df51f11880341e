# Kills, restarts, backups and a stop. Part of run.sh.

say "kill -9 while eight clients publish; restart; nothing that was acknowledged is lost"
api 200 PATCH $S '{"retryPolicy":[2,2,2]}' >/dev/null
publisher() { # publishes until the server has gone, and notes what was acknowledged
	local n=0 answer
	while answer=$(curl -sS --cacert "$WORK/ca.pem" --max-time 5 -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
		-d '{"eventType":"order.paid","payload":{"client":'"$1"',"n":'$n'}}' "$URL$A/msg" 2>/dev/null); do
		jq -re .id <<<"$answer" >>"$WORK/acked.$1" || break
		n=$((n + 1))
	done
}
clients=()
for client in 1 2 3 4 5 6 7 8; do
	publisher "$client" &
	clients+=("$!")
done
await 20 eval '[ "$(cat "$WORK"/acked.* 2>/dev/null | wc -l)" -ge 200 ]'
stop KILL 2>/dev/null && fail "a killed server exits 0" || echo "exit code $?"
wait "${clients[@]}"
serve "${MAIN[@]}"
ids=$(cat "$WORK"/acked.*)
all_received() { for id in $ids; do received first "$id" || return 1; done; }
await 20 all_received
repeats=0
for id in $ids; do if received first "$id" 2; then repeats=$((repeats + 1)); fi; done
echo "$(wc -l <<<"$ids") acknowledged, all delivered, $repeats of them twice (what was in flight may be repeated)"

say "A second server on the same data is refused"
if hookloft serve --data /data --listen 127.0.0.1:0 2>"$WORK/error"; then fail "two servers run on one store"; else cat "$WORK/error"; fi

say "Backup while it runs, with a delivery that still waits"
echo 503 >"$WORK/received/first/status"
WAITS=$(api 202 POST $A/msg '{"eventType":"order.paid","payload":{"waits":true}}' | jq -r .id)
await 10 received first "$WAITS"
hookloft backup --data /data /tmp/without-key.tar
hookloft backup --data /data --with-key /tmp/with-key.tar
tar -tf "$BOX/tmp/with-key.tar" | grep main.key
! tar -tf "$BOX/tmp/without-key.tar" | grep main.key || fail "the key is in a backup that must not hold it"

say "A renewed certificate is served without a restart"
serial() { openssl s_client -connect "127.0.0.1:$PORT" -CAfile "$WORK/ca.pem" </dev/null 2>/dev/null | openssl x509 -noout -serial; }
serial
cp "$WORK/renewed.key" "$BOX/tls/key.pem" && cp "$WORK/renewed.pem" "$BOX/tls/cert.pem"
await 10 eval '[ "$(serial)" = "$(openssl x509 -noout -serial -in "$WORK/renewed.pem")" ]'
serial

say "SIGTERM: what is in flight ends, and the server exits 0 within ten seconds"
echo 200 >"$WORK/received/first/status"
echo 2 >"$WORK/received/first/delay"
SLOW=$(api 202 POST $A/msg '{"eventType":"order.paid","payload":{"slow":true}}' | jq -r .id)
await 5 received first "$SLOW"
began=$SECONDS
stop TERM
echo "exit code 0 after $((SECONDS - began)) s"
[ $((SECONDS - began)) -le 20 ] # a busy machine adds to it
grep -o -E "msg=attempt .*message=$SLOW .*outcome=success" "$WORK/log" | grep -o 'outcome=.*'
rm "$WORK/received/first/delay"

say "Restore elsewhere: the server starts with deliveries held and says what it would send"
OLD=$BOX BOX=$WORK/elsewhere
new_box "$BOX"
cp "$WORK/renewed.pem" "$BOX/tls/cert.pem" && cp "$WORK/renewed.key" "$BOX/tls/key.pem" && chmod 644 "$BOX"/tls/*
cp "$OLD/hookloft.toml" "$BOX/" && cp "$OLD/tmp/with-key.tar" "$BOX/tmp/" && chmod 644 "$BOX/tmp/with-key.tar"
hookloft restore --data /data /tmp/with-key.tar
before=$(find "$WORK/received/first" -name "$WAITS.*.body" | wc -l)
serve "${MAIN[@]}"
hookloft release --data /data --dry-run
hookloft release --data /data --dry-run 2>&1 | grep -E 'held: [1-9]'
HELD=$(api 202 POST $A/msg '{"eventType":"order.paid","payload":{"held":true}}' | jq -r .id)
sleep 3 # longer than the two seconds after which the waiting delivery would be due
! received first "$HELD" || fail "a held server has sent what was published"
[ "$(find "$WORK/received/first" -name "$WAITS.*.body" | wc -l)" = "$before" ] || fail "a held server has sent what waited"
hookloft release --data /data
await 15 received first "$WAITS" $((before + 1))
await 10 received first "$HELD"
[ "$(api 200 GET "$A/endpoint/first/secret" | jq -r .key)" = "$NEW" ]
stop TERM

say "A backup without the key, through standard input, is of use only with the key"
BOX=$WORK/nokey
new_box "$BOX"
cp "$WORK/renewed.pem" "$BOX/tls/cert.pem" && cp "$WORK/renewed.key" "$BOX/tls/key.pem" && chmod 644 "$BOX"/tls/*
cp "$OLD/hookloft.toml" "$BOX/"
hookloft restore --data /data - <"$OLD/tmp/without-key.tar"
if hookloft serve "${MAIN[@]}" 2>"$WORK/error"; then fail "a store opened without its key"; else tail -n 1 "$WORK/error"; fi
cp -p "$OLD/data/main.key" "$BOX/data/main.key"
serve "${MAIN[@]}"
[ "$(api 200 GET "$A/endpoint/first/secret" | jq -r .key)" = "$NEW" ]
hookloft release --data /data
stop TERM
