# Who may call and who is told: tokens with scopes, tokens for once, for messages and of
# integrations, JWK sets, the audit log. Part of run.sh, after operations.sh.

# as TOKEN COMMAND... runs a command with another token.
as() { local TOKEN=$1 && shift && "$@"; }

say "API tokens: made with scopes, narrowed, renamed, ended"
HERE_ENV=$(api 200 GET /api/v1/auth/whoami | jq -r .envId)
api 200 GET /x/v1/whoami | holds --arg env "$HERE_ENV" '.kind == "api" and .environment.id == $env and .scopes == null and (.capabilities | length) == 6'
K=/api/v1/management/authentication/$HERE_ENV/api-token
MADE=$(api 200 POST $K '{"name":"reader","scopes":["app:read","endpoint:read"]}')
READER=$(jq -r .token <<<"$MADE") READER_ID=$(jq -r .id <<<"$MADE")
as "$READER" api 200 GET $B | holds '.uid == "bakery"'
as "$READER" api 403 POST $B/msg '{"eventType":"bread.ready","payload":{}}' | jq -c .
as "$READER" api 403 POST $K '{"name":"mine"}' >/dev/null # a token cannot give what it has not
api 422 POST $K '{"name":"wrong","scopes":["cake:read"]}' | jq -c '.detail[0].loc'
api 404 GET /api/v1/management/authentication/org_nothing/api-token >/dev/null
api 200 GET "$K?limit=100" | holds --arg id "$READER_ID" --arg token "$READER" 'any(.data[]; .id == $id and .name == "reader") and (tostring | contains($token) | not)'
api 200 GET "$K/$READER_ID" | holds '.scopes == ["app:read","endpoint:read"]'
api 200 PATCH "$K/$READER_ID" '{"scopes":["endpoint:read"]}' | holds '.scopes == ["endpoint:read"]'
as "$READER" api 403 GET $B >/dev/null
api 200 PUT "$K/$READER_ID" '{"name":"renamed"}' | holds '.name == "renamed"'
api 204 POST "$K/$READER_ID/expire" '{}'
as "$READER" api 401 GET $B/endpoint | jq -c .
api 404 POST "$K/key_nothing/expire" '{}' >/dev/null

say "A token that publishes to one application, and one that becomes a portal's once"
PUBLISHER=$(api 200 POST /api/v1/auth/app/bakery/create-message-token '{"name":"till","expiry":3600}' | jq -r .token)
as "$PUBLISHER" api 202 POST $B/msg '{"eventType":"bread.ready","payload":{"by":"till"}}' | holds '.eventType == "bread.ready"'
as "$PUBLISHER" api 403 GET $B/endpoint >/dev/null
api 422 POST /api/v1/auth/app/bakery/create-message-token '{"name":"till","expiry":-1}' | jq -c '.detail[0].loc'
ONCE=$(api 200 POST /x/v1/auth/one-time-token/bakery '{"capabilities":["ViewBase"],"sessionId":"s2"}' | jq -r .oneTimeToken)
PORTAL=$(as "" api 200 POST /api/v1/auth/one-time-token '{"oneTimeToken":"'"$ONCE"'"}' | jq -r .token)
as "$PORTAL" api 200 GET $B/endpoint | holds '.data | length >= 2'
as "$PORTAL" api 403 PATCH $B/endpoint/good '{"description":"mine"}' | jq -c .
as "" api 401 POST /api/v1/auth/one-time-token '{"oneTimeToken":"'"$ONCE"'"}' | jq -c .
api 404 POST /x/v1/auth/one-time-token/nobody '{}' >/dev/null

say "Integrations of an application, each with a key of its own"
N=$B/integration
ZAP=$(api 201 POST $N '{"name":"Till","featureFlags":["beta"]}' | jq -r .id)
api 200 GET $N | holds --arg id "$ZAP" '[.data[].id] == [$id]'
api 200 GET "$N/$ZAP" | holds '.name == "Till" and .featureFlags == ["beta"]'
api 200 PUT "$N/$ZAP" '{"name":"Tills"}' | holds '.name == "Tills"'
api 422 POST $N '{}' | jq -c '.detail[0].loc'
api 404 GET "$N/$ZAP/key" >/dev/null # it has none yet
KEY=$(api 200 POST "$N/$ZAP/key/rotate" | jq -r .key)
same "$KEY" eval 'api 200 GET "$N/$ZAP/key" | jq -r .key'
as "$KEY" api 200 GET $B/endpoint | holds '.data | length >= 2'
as "$KEY" api 404 GET /api/v1/app/acme/endpoint >/dev/null
NEXT=$(api 200 POST "$N/$ZAP/key/rotate" | jq -r .key)
[ "$NEXT" != "$KEY" ]
as "$NEXT" api 200 GET $B/endpoint >/dev/null
as "$KEY" api 401 GET $B/endpoint >/dev/null
api 204 DELETE "$N/$ZAP"
as "$NEXT" api 401 GET $B/endpoint >/dev/null
api 404 GET "$N/$ZAP" >/dev/null

say "An ed25519 key: openssl verifies with the public half that the JWK set shows"
api 201 POST $B/endpoint '{"url":"'"$HTTPS"'/public","uid":"public"}' >/dev/null
openssl genpkey -algorithm ed25519 -outform DER -out "$WORK/ed.der" 2>/dev/null
# whsk_ is the seed and the public half: RFC 8032 section 5.1.5; both are the last 32 bytes of their DER.
openssl pkey -inform DER -in "$WORK/ed.der" -pubout -outform DER -out "$WORK/ed.pub"
api 204 POST $B/endpoint/public/secret/rotate '{"gracePeriodSeconds":0,"key":"whsk_'"$( (tail -c 32 "$WORK/ed.der" && tail -c 32 "$WORK/ed.pub") | openssl base64 -A)"'"}'
SET=$(api 200 GET $BX/endpoint/public/jwks)
holds --arg x "$(tail -c 32 "$WORK/ed.pub" | openssl base64 -A | tr '+/' '-_' | tr -d '=')" '.keys | length == 1 and .[0].crv == "Ed25519" and .[0].x == $x' <<<"$SET"
PUBLIC=$(api 200 GET $B/endpoint/public | jq -r .id) BAKERY=$(api 200 GET $B | jq -r .id)
as "" api 200 GET "/x/v1/jwks/$BAKERY/$PUBLIC" | holds --argjson set "$SET" '.keys == $set.keys'
as "" api 404 GET "/x/v1/jwks/$BAKERY/ep_nothing" >/dev/null
SIGNED=$(api 202 POST $B/msg '{"eventType":"bread.ready","payload":{"signed":"ed25519"}}' | jq -r .id)
await 10 received public "$SIGNED"
header "$WORK/received/public/$SIGNED.1.headers" webhook-signature | tr ' ' '\n' | sed -n 's/^v1a,//p' | openssl base64 -d -A >"$WORK/signature"
(printf '%s.%s.' "$SIGNED" "$(header "$WORK/received/public/$SIGNED.1.headers" webhook-timestamp)" && cat "$WORK/received/public/$SIGNED.1.body") >"$WORK/signed"
openssl pkeyutl -verify -pubin -keyform DER -inkey "$WORK/ed.pub" -rawin -in "$WORK/signed" -sigfile "$WORK/signature"

say "The audit log has who did what, and no secret"
api 200 GET "/x/v1/audit?noun=token&limit=100" | holds --arg id "$READER_ID" 'any(.data[]; .subjectId == $id) and (tostring | test("hl_sk_[A-Za-z0-9]{12}") | not)'
api 200 GET "/x/v1/audit?subject=$PUBLIC&app_id=$BAKERY" | holds '(.data | length >= 2) and all(.data[]; .noun == "endpoint" and .actor.kind != "")'
api 200 GET "/x/v1/app/$BAKERY/activity?endpoint_id=$PUBLIC" | holds '(.data | length >= 2) and all(.data[]; .by != "" and (has("actor") | not))'
api 400 GET "/x/v1/audit?since=yesterday" | jq -c .
