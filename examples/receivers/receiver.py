"""A small webhook receiver: it verifies the signature, passes over messages that
it has seen, prints the event and answers 204. Standard Webhooks 1.0.0, with
symmetric secrets; nothing but Python's standard library."""

import argparse
import base64
import binascii
import hashlib
import hmac
import os
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 300
MAX_BODY_BYTES = 1 << 20
# A sender retries for days; this is how many ids are remembered. A receiver with
# a database keeps them there, so that they survive a restart.
MAX_SEEN = 100_000


def handle(message_id, body):
    """Stands for what you want to do with an event. An exception makes the sender
    send it again."""
    sys.stdout.buffer.write(b"event %s: %s\n" % (message_id.encode(), body))
    sys.stdout.flush()


def verify(headers, body, keys, now):
    """Returns the message's id, or None if the request is not genuine or not fresh.
    body is the bytes as they came: JSON that was parsed and written again is not
    what was signed."""
    for family in ("webhook", "svix"):
        values = [headers.get_all(f"{family}-{part}", []) for part in ("id", "timestamp", "signature")]
        if all(values):
            break
    if any(len(given) != 1 for given in values):
        return None
    message_id, timestamp, signature = (given[0] for given in values)
    # An id with a full stop could be read as an id and a timestamp.
    if not re.fullmatch(r"[!-\-/-~]{1,256}", message_id) or not re.fullmatch(r"0|[1-9][0-9]{0,10}", timestamp):
        return None
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return None
    # http.server reads headers as ISO 8859-1; compare_digest takes only ASCII text.
    given = [one.encode("iso-8859-1") for one in signature.split(" ")]
    for key in keys:
        mac = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
        want = b"v1," + base64.b64encode(mac.digest())
        if any(hmac.compare_digest(want, one) for one in given):
            return message_id
    return None


def parse_keys(text):
    """Reads one or more secrets with white space between them: the old and the new
    one while the sender's secret is rotated."""
    keys = []
    for secret in text.split():
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            key = b""
        if len(key) < 16:
            sys.exit("WEBHOOK_SECRET is not a whsec_ secret")
        keys.append(key)
    return keys or sys.exit("WEBHOOK_SECRET is empty")


class Receiver(BaseHTTPRequestHandler):
    timeout = 10  # seconds without a byte from the sender
    keys = []  # set by main
    lock = threading.Lock()  # guards seen; handle runs under it, so that no two equals run at once
    seen = {}  # ids that were handled, oldest first

    def do_POST(self):
        length = self.headers.get("content-length", "")
        if not re.fullmatch(r"[0-9]{1,18}", length):
            return self.answer(411)
        if int(length) > MAX_BODY_BYTES:
            # A little over, it is read to its end, or the sender would miss the answer.
            self.rfile.read(min(int(length), 4 * MAX_BODY_BYTES))
            return self.answer(413)
        body = self.rfile.read(int(length))
        message_id = verify(self.headers, body, self.keys, time.time())
        if message_id is None:
            return self.answer(401)
        with self.lock:
            if message_id not in self.seen:
                try:
                    handle(message_id, body)
                except Exception as error:
                    self.log_error("event %s failed: %r", message_id, error)
                    return self.answer(500)
                # Only now: what failed must not be passed over the next time.
                self.seen[message_id] = True
                if len(self.seen) > MAX_SEEN:
                    del self.seen[next(iter(self.seen))]
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", "0")
        self.end_headers()


def main():
    parser = argparse.ArgumentParser(description="A small webhook receiver.")
    parser.add_argument("--port", type=int, default=8080, help="port on 127.0.0.1; 0 means any that is free")
    args = parser.parse_args()
    Receiver.keys = parse_keys(os.environ.get("WEBHOOK_SECRET", ""))
    server = ThreadingHTTPServer(("127.0.0.1", args.port), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
