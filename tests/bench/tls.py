"""AWS behind TLS, for `make bench`: counts the handshakes that a function makes before its first event, and after.

Prints its port and the path of the certificate to trust, then a line for each handshake and each call. Knows as much of DynamoDB,
SQS and Secrets Manager as `webhook` asks for.
"""

from __future__ import annotations

import json
import socketserver
import ssl
import subprocess
import sys
import tempfile
from http.server import BaseHTTPRequestHandler
from pathlib import Path

TOKEN = sys.argv[1]
SETTINGS = {"siengeBaseUrl": {"S": "http://127.0.0.1:9/obra"}, "subdomain": {"S": "obra"}}
ANSWERS = {
    "GetItem": {"Item": {"pk": {"S": "tenant#617"}, "sk": {"S": "settings"}, "settings": {"M": SETTINGS}}},
    "GetSecretValue": {"Name": "secret", "SecretString": json.dumps({"webhookTokens": [TOKEN]})},
    "SendMessage": {"MessageId": "1", "MD5OfMessageBody": "d41d8cd98f00b204e9800998ecf8427e"},
}


def certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that live as long as the folder."""
    key, made = str(folder / "key.pem"), str(folder / "cert.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", made]
    subprocess.run(command, check=True, capture_output=True)
    return folder


class Aws(BaseHTTPRequestHandler):
    """Canned answers, connections kept open."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Any operation."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        operation = self.headers.get("x-amz-target", ".").rsplit(".", 1)[-1]
        print("call", operation, flush=True)
        body = json.dumps(ANSWERS.get(operation, {})).encode()
        self.send_response(200)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


class Server(socketserver.ThreadingTCPServer):
    """A thread for each connection; the handshake is made there."""

    daemon_threads = True
    context: ssl.SSLContext

    def finish_request(self, request, client_address) -> None:
        """Shakes hands, tells it, and serves."""
        with self.context.wrap_socket(request, server_side=True) as secured:
            print("handshake", flush=True)
            self.RequestHandlerClass(secured, client_address, self)

    def handle_error(self, request, client_address) -> None:
        """A connection that breaks is of no interest."""


def main() -> None:
    """Serves until it is ended."""
    with tempfile.TemporaryDirectory() as name:
        folder = certificate(Path(name))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        with Server(("127.0.0.1", 0), Aws) as server:
            server.context = context
            print(server.server_address[1], folder / "cert.pem", flush=True)
            server.serve_forever()


if __name__ == "__main__":
    main()
