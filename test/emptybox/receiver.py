"""A receiver that keeps every request, for run.sh: receiver.py FOLDER PORT [CERT KEY [CLIENT-CA]].

A request to /PATH, or below it, is kept as FOLDER/PATH/ID.N.headers, which begins with
the request line and the sender's address as a header Peer, and FOLDER/PATH/ID.N.body, where
ID is its webhook-id and N counts from 1. It is answered with the status that the file
FOLDER/PATH/status holds, else 200, after the seconds that FOLDER/PATH/delay holds, with the
JSON in FOLDER/PATH/answer, else nothing. Where there is a file FOLDER/PATH/agree, a challenge
is repeated. The first line of output is the port. With CERT and KEY it speaks TLS, with
CLIENT-CA only to clients that have a certificate of it.
"""

import json
import os
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

folder = sys.argv[1]
lock = threading.Lock()


def setting(path, default):
    try:
        with open(path) as f:
            return f.read().strip() or default
    except FileNotFoundError:
        return default


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        at = os.path.join(folder, urlsplit(self.path).path.split("/")[1])
        with lock:
            os.makedirs(at, exist_ok=True)
            n = 1
            name = os.path.join(at, self.headers.get("webhook-id", "none"))
            while os.path.exists(f"{name}.{n}.body"):
                n += 1
            with open(f"{name}.{n}.headers", "w") as f:
                f.write(f"{self.requestline}\nPeer: {self.client_address[0]}\n{self.headers}")
            with open(f"{name}.{n}.part", "wb") as f:
                f.write(body)
            os.rename(f"{name}.{n}.part", f"{name}.{n}.body")
        time.sleep(float(setting(os.path.join(at, "delay"), "0")))
        answer = setting(os.path.join(at, "answer"), "")
        if os.path.exists(os.path.join(at, "agree")) and b'"challenge"' in body:
            answer = json.dumps({"challenge": json.loads(body)["challenge"]})
        self.send_response(int(setting(os.path.join(at, "status"), "200")))
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    do_GET = do_PUT = do_PATCH = do_POST

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        # A sender that is killed breaks its connections off.
        if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)


server = Server(("127.0.0.1", int(sys.argv[2])), Handler)
server.daemon_threads = True
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    if len(sys.argv) > 5:
        context.load_verify_locations(sys.argv[5])
        context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
