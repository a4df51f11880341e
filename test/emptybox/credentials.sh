# Credentials of endpoints: logins, signatures of other layouts, certificates, the way out.
# Part of run.sh, after connector.sh.

say "An endpoint that wants to know who comes: a login, a signature as GitHub makes it, an address of its choice"
printf the-password-of-the-shop | in_tmp password
printf the-key-of-the-shop | in_tmp shared
show 'hookloft endpoint create forge "$HTTPS/vault" --uid vault --event-type vault.opened'
show 'hookloft credentials set forge/vault --basic shop --password @/tmp/password --hmac github --hmac-secret @/tmp/shared --source-address 127.0.0.2'
LOGIN=$(publish vault.opened '{"n":1}')
await 10 received vault "$LOGIN"
AT_VAULT=$WORK/received/vault/$LOGIN.1
show 'header "$AT_VAULT.headers" authorization | sed "s/^Basic //" | openssl base64 -d -A | sed "s/:.*/:.../" && echo'
same shop:the-password-of-the-shop eval 'header "$AT_VAULT.headers" authorization | sed "s/^Basic //" | openssl base64 -d -A'
same "sha256=$(openssl dgst -sha256 -hmac the-key-of-the-shop -r "$AT_VAULT.body" | cut -d' ' -f1)" header "$AT_VAULT.headers" x-hub-signature-256
show 'header "$AT_VAULT.headers" peer'
same 127.0.0.2 header "$AT_VAULT.headers" peer
verified vault "$LOGIN" "$(hookloft endpoint secret forge/vault)"
refused 1 'hookloft credentials set forge/vault --source-address 127.0.0.3'
refused 2 'hookloft credentials set forge/vault --bearer the-token-itself'

say "A receiver that lets nobody in without a certificate, with one of an authority that this machine does not know"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=private" \
	-addext keyUsage=critical,keyCertSign -keyout "$WORK/private.key" -out "$WORK/private.pem" 2>/dev/null
mkdir "$WORK/private" && (cp "$WORK/private.pem" "$WORK/private/ca.pem" && cp "$WORK/private.key" "$WORK/private/ca.key" &&
	WORK=$WORK/private && certificate door && certificate client)
python3 "$HERE/receiver.py" "$WORK/received" 0 "$WORK/private/door.pem" "$WORK/private/door.key" "$WORK/private.pem" >"$WORK/port.mtls" 3>&- 4>&- &
RECEIVERS="$RECEIVERS $!"
await 10 test -s "$WORK/port.mtls"
MTLS=https://127.0.0.1:$(cat "$WORK/port.mtls")
in_tmp client.pem <"$WORK/private/client.pem" && in_tmp client.key <"$WORK/private/client.key" && in_tmp private.pem <"$WORK/private.pem"
show 'hookloft endpoint update forge/vault --url "$MTLS/door" --output json --jq .uid'
show 'hookloft credentials set forge/vault --ca /tmp/private.pem'
DOOR=$(publish vault.opened '{"n":2}')
await 10 tried vault "$DOOR" '.hookloft.reason == "tls_handshake"'
show 'hookloft api GET "/api/v1/app/forge/attempt/msg/$DOOR" --jq ".data[0].hookloft.error"'
if hookloft credentials set forge/vault --mtls /tmp/client.pem 2>"$WORK/error"; then fail "a certificate without its key was accepted"; fi
grep -q 'mtls.identity: holds no private key' "$WORK/error"
show 'hookloft credentials set forge/vault --mtls /tmp/client.pem --mtls /tmp/client.key | sed "s/until .* (/until ... (/; s/, until [0-9].*/, until .../"'
await 15 received door "$DOOR"
show 'hookloft doctor 2>&1 | grep -i certificate || true'
show 'hookloft credentials show forge/vault --output id'
api 200 GET "/x/v1/expiring-credentials?within_days=30" | holds '[.data[].part] | sort == ["ca", "mtls"]'
api 422 GET "/x/v1/expiring-credentials?within_days=0" >/dev/null
show 'hookloft credentials remove forge/vault mtls ca'

say "OAuth 2, an API key, a proxy that is not there"
mkdir -p "$WORK/received/token" && echo '{"access_token":"the-access-token","token_type":"Bearer","expires_in":3600}' >"$WORK/received/token/answer"
echo '{"grantType":"clientCredentials","authMethod":"clientSecretBasic","clientId":"hooks","clientSecret":"the-client-secret","tokenUrl":"'"$HTTPS"'/token","scopes":["write"]}' | in_tmp oauth.json
show 'hookloft endpoint update forge/vault --url "$HTTPS/vault" --output json --jq .uid'
show 'hookloft credentials set forge/vault --oauth2 /tmp/oauth.json --api-key team --api-key-in query --key @/tmp/shared'
TOKENS=$(publish vault.opened '{"n":3}')
await 10 received vault "$TOKENS"
same "Bearer the-access-token" header "$WORK/received/vault/$TOKENS.1.headers" authorization
head -n 1 "$WORK/received/vault/$TOKENS.1.headers" | grep -q '^POST /vault?team=the-key-of-the-shop '
grep -q grant_type=client_credentials "$(newest token).body"
NO_PROXY_THERE=http://127.0.0.1:$(unused_port)
show 'hookloft credentials set forge/vault --proxy "$NO_PROXY_THERE" --proxy-user u --proxy-password @/tmp/password'
LOST=$(publish vault.opened '{"n":4}')
await 10 tried vault "$LOST" '.hookloft.reason == "proxy"'
echo '{"bearer": {"token": "the-bearer-token"}}' | in_tmp bearer.json
show 'hookloft credentials set forge/vault --file /tmp/bearer.json'
await 15 received vault "$LOST"
show 'hookloft credentials set forge/vault --bearer @/tmp/shared'
show 'hookloft credentials remove forge/vault --yes'
for secret in the-password-of-the-shop the-key-of-the-shop the-access-token the-client-secret the-bearer-token; do
	! grep -q -e "$secret" "$WORK/log" || fail "a credential stands in the log"
	! grep -r -q -a -e "$secret" "$BOX/data" || fail "a credential lies open in the data directory"
done

say "The same by API: the contract's operations, and ours for each place"
O=$G/endpoint/vault
OAUTH=$(cat "$BOX/tmp/oauth.json")
api 404 GET $O/oauth >/dev/null
api 204 PUT $O/oauth "$OAUTH"
api 422 PUT $O/oauth "$(jq -c '.tokenUrl = "https://10.0.0.1/"' <<<"$OAUTH")" | holds '.detail[0].loc == ["body", "tokenUrl"]'
api 200 GET $O/oauth | holds '.clientId == "hooks" and (tostring | contains("the-client-secret") | not)'
api 200 GET $O/oauth-config | holds '.enabled and .config.tokenUrl != null'
api 204 DELETE $O/oauth
api 200 GET $O/oauth-config | holds '.enabled == false'
IDENTITY=$(cat "$WORK/private/client.pem" "$WORK/private/client.key")
api 404 GET $O/mtls >/dev/null
api 204 PUT $O/mtls "$(jq -nc --arg i "$IDENTITY" '{identity: $i}')"
api 422 PUT $O/mtls '{"identity":"no PEM"}' | holds '.detail[0].loc == ["body", "identity"]'
api 200 GET $O/mtls | holds '. == {}'
api 200 GET $O/mtls-config | holds '.enabled'
api 204 DELETE $O/mtls
api 204 PUT $O/ca "$(jq -nc --rawfile c "$WORK/private.pem" '{cert: $c}')"
api 200 GET $O/ca | holds '.cert | startswith("-----BEGIN CERTIFICATE-----")'
api 422 PUT $O/ca '{"cert":"no PEM"}' | holds '.detail[0].loc == ["body", "cert"]'
api 204 PUT $O/ca '{"cert":null}'
api 200 GET $O/ca | holds '.cert == null'
for at in $GX/endpoint/vault $GS/gate; do
	api 200 PUT $at/credentials '{"basic":{"username":"u","password":"canary-password"}}' | holds '.basic.isSet and (tostring | contains("canary") | not)'
	api 200 GET $at/credentials | holds '.basic.username == "u" and .bearer == null'
	api 422 PUT $at/credentials '{"basic":{"username":"u"},"bearer":{"token":"x"}}' | jq -c '.detail[0].loc'
	api 204 DELETE $at/credentials
done
