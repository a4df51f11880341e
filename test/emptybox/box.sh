# What run.sh is built of. Sourced, not run.

# say prints a step.
say() {
	printf '\n== %s\n' "$*"
	printf '\001%s\n' "$*" >>"$WORK/record.$PAGE"
}

# show COMMAND prints a command, runs it here and prints what it says; all of it goes into
# the transcript.
show() {
	printf '$ %s\n' "$1" | record
	# Not through a pipe, which would be a shell of its own: variables must stay.
	eval "$1" >"$WORK/shown" 2>&1
	record <"$WORK/shown"
	: >"$WORK/shown"
}

# refused CODE COMMAND shows a command that must end with that exit code.
refused() {
	local code=0
	printf '$ %s\n' "$2" | record
	(eval "$2") >"$WORK/shown" 2>&1 || code=$?
	echo "exit code $code" >>"$WORK/shown"
	[ "$code" = "$1" ] || fail "exit code $code, want $1"
	record <"$WORK/shown"
	: >"$WORK/shown"
}

# record prints its input and keeps it for the transcript.
record() { sed 's/^/\x02/' | tee -a "$WORK/record.$PAGE" | sed 's/^.//'; }

# fail ends the run.
fail() {
	printf 'FAILED: %s\n' "$*" >&2
	exit 1
}

# write_transcripts makes a page in the folder $TRANSCRIPT of what was shown for each. It is
# written only as a whole, and not when something in it should not be seen.
write_transcripts() {
	local page
	for page in receiving sending shaping; do
		python3 "$HERE/transcript.py" "$WORK/record.$page" "$BOX_OF_RUN=\$BOX" "$WORK=\$WORK" "${BINARY%/*}=bin" \
			"localhost:$PORT_OF_RUN=localhost:8443" "127.0.0.1:$PORT_OF_RUN=127.0.0.1:8443" "port $PORT_OF_RUN=port 8443" \
			"${HTTP##*/}=127.0.0.1:9080" "${HTTPS##*/}=127.0.0.1:9443" "port ${HTTPS##*:}=port 9443" \
			"${MTLS##*/}=127.0.0.1:9444" "${NO_PROXY_THERE##*/}=127.0.0.1:9445" \
			"${METRICS##*/}=127.0.0.1:9090" <"$HERE/testdata/$page-transcript.md" >"$WORK/page"
		cp "$WORK/page" "$TRANSCRIPT/$page-transcript.md"
		echo "wrote $TRANSCRIPT/$page-transcript.md"
	done
}

# new_box makes an empty root: the binary, a CA file, /tmp and a data directory. No
# shell, no libraries, no /proc, no /etc/passwd, no resolver.
new_box() {
	local root=$1
	mkdir -p "$root/etc/ssl/certs" "$root/tmp" "$root/data" "$root/tls"
	cp "$BINARY" "$root/hookloft"
	cp "$WORK/ca.pem" "$root/etc/ssl/certs/ca-certificates.crt"
	chmod 1777 "$root/tmp"
	if [ "$JAIL" = root ]; then chown 65534:65534 "$root/data" "$root/tls"; fi
}

# in_box becomes the binary in the box $BOX, as an unprivileged user with an empty
# environment but for a main secret and a home, where there are any. Its process is the
# caller's, so that a signal to it needs no search.
in_box() {
	local chroot
	chroot=$(command -v chroot)
	case $JAIL in
	root) exec env -i ${MAIN_SECRET:+HOOKLOFT_MAIN_SECRET="$MAIN_SECRET"} ${BOX_HOME:+HOME="$BOX_HOME"} "$chroot" --userspec=65534:65534 "$BOX" /hookloft "$@" ;;
	user) exec env -i ${MAIN_SECRET:+HOOKLOFT_MAIN_SECRET="$MAIN_SECRET"} ${BOX_HOME:+HOME="$BOX_HOME"} "$(command -v unshare)" -r "$chroot" "$BOX" /hookloft "$@" ;;
	esac
}

# hookloft runs the binary in the box $BOX as an unprivileged user and notes the
# arguments, so that the end can tell which commands and options never ran.
hookloft() {
	echo "$*" >>"$WORK/commands"
	(in_box "$@")
}

# serve starts a server in the box with the given options and waits until it is ready.
serve() {
	echo "serve $*" >>"$WORK/commands"
	in_box serve "$@" >>"$WORK/ready" 2>>"$WORK/log" &
	SERVER=$!
	for _ in $(seq 600); do
		hookloft healthcheck --timeout 500ms "$URL" 2>"$WORK/healthcheck" && return
		kill -0 "$SERVER" 2>/dev/null || fail "serve ended: $(tail -n 3 "$WORK/log")"
		sleep 0.1
	done
	fail "the server was not ready in a minute: $(cat "$WORK/healthcheck")"
}

# stop sends a signal to the server and waits for its end; it returns its exit code.
stop() {
	kill "-$1" "$SERVER"
	local code=0
	wait "$SERVER" || code=$?
	SERVER=
	return "$code"
}

# api WANT METHOD PATH [BODY] [CURL OPTIONS...] makes a call, compares the status with the
# pattern WANT, prints the body, and notes the call.
api() {
	local want=$1 method=$2 path=$3 body=${4-} status out
	shift "$(($# < 4 ? $# : 4))"
	out=$(mktemp "$WORK/answer.XXXXXX")
	echo "$method ${path%%\?*}" >>"$WORK/calls"
	status=$(curl -sS --cacert "$WORK/ca.pem" --max-time 60 -o "$out" -w '%{http_code}' -X "$method" \
		-H "Authorization: Bearer $TOKEN" ${body:+-H "Content-Type: ${TYPE:-application/json}" --data-binary "$body"} "$@" "$URL$path")
	[[ $status == $want ]] || fail "$method $path answers $status, want $want: $(head -c 500 "$out")"
	cat "$out"
	rm -f "$out"
}

# await SECONDS COMMAND... repeats a command until it succeeds. A busy machine gets six times
# as long.
await() {
	local left=$(($1 * 60))
	shift
	until "$@"; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || fail "gave up waiting for: $*"
		sleep 0.1
	done
}

# receivers HTTP-PORT HTTPS-PORT starts the two receivers.
receivers() {
	rm -f "$WORK"/port.*
	python3 "$HERE/receiver.py" "$WORK/received" "$1" >"$WORK/port.http" 3>&- 4>&- &
	RECEIVERS=$!
	python3 "$HERE/receiver.py" "$WORK/received" "$2" "$WORK/receiver.pem" "$WORK/receiver.key" >"$WORK/port.https" 3>&- 4>&- &
	RECEIVERS="$RECEIVERS $!"
	await 10 test -s "$WORK/port.http"
	await 10 test -s "$WORK/port.https"
}

# received PATH MESSAGE [N]: request N of the message has come to the receiver.
received() { [ -e "$WORK/received/$1/$2.${3:-1}.body" ]; }

# is WANT COMMAND...: the command prints WANT.
is() {
	local want=$1
	shift
	[ "$("$@")" = "$want" ]
}

# same WANT COMMAND... ends the run unless the command prints WANT.
same() {
	local want=$1 got
	shift
	got=$("$@")
	[ "$got" = "$want" ] || fail "$* prints $got, want $want"
}

# header FILE NAME prints a header of a kept request.
header() { sed -n "s/^$2: //Ip" "$1" | tr -d '\r'; }

# verified PATH MESSAGE SECRET [N] verifies the signature of a kept request with openssl,
# as Standard Webhooks tells receivers to: HMAC-SHA256 over id.timestamp.body.
verified() {
	local at="$WORK/received/$1/$2.${4:-1}" key want
	key=$(printf %s "${3#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
	want=$( (printf '%s.%s.' "$2" "$(header "$at.headers" webhook-timestamp)" && cat "$at.body") |
		openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)
	case " $(header "$at.headers" webhook-signature) " in
	*" v1,$want "*) ;;
	*) fail "the signature of $at does not verify" ;;
	esac
}

# unused_port prints a TCP port that is free now, below those that systems give to clients
# (Linux begins at 32768): so nobody has it when a server that was killed comes back.
unused_port() {
	python3 -c '
import random, socket
for port in random.sample(range(15000, 32768), 500):
    try:
        socket.socket().bind(("127.0.0.1", port))
    except OSError:
        continue
    print(port)
    break'
}

# certificate NAME makes a certificate for localhost under the throw-away authority.
certificate() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" \
		-keyout "$WORK/$1.key" -out "$WORK/$1.csr" 2>/dev/null
	openssl x509 -req -in "$WORK/$1.csr" -CA "$WORK/ca.pem" -CAkey "$WORK/ca.key" -CAcreateserial -days 2 \
		-extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1') -out "$WORK/$1.pem" 2>/dev/null
}
