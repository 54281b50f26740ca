"""An instance metadata service such as EC2's, to be run on a fleet host; needs nothing but Python.

Speaks the second version only (a token by PUT, 401 without it), as the EC2 user guide tells it in
"How Instance Metadata Service Version 2 works". Run as `metadata.py JSON [ADDRESS PORT]`: the JSON
has paths below `/latest/meta-data/` and what they answer, any other is 404. Prints its port once
ready.
"""

from __future__ import annotations

import json
import secrets
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ADDRESS = "169.254.169.254"
TTL = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "X-aws-ec2-metadata-token"
tokens: set[str] = set()
answers: dict[str, str] = {}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server_version = "EC2ws"
    sys_version = ""

    def do_PUT(self) -> None:
        """Give a token."""
        if self.headers.get("X-Forwarded-For") or self.path != "/latest/api/token":
            self.say(403)
        elif not self.headers.get(TTL, "").isdigit():
            self.say(400)
        else:
            tokens.add(token := secrets.token_urlsafe(40))
            self.say(200, token)

    def do_GET(self) -> None:
        """Give what was asked for, for a token."""
        if self.headers.get(TOKEN) not in tokens:
            self.say(401)
            return
        text = answers.get(self.path.removeprefix("/latest/meta-data/"), "")
        self.say(200 if text else 404, text)

    def say(self, code: int, text: str = "") -> None:
        """The whole answer."""
        self.send_response(code)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nothing: nobody reads it."""


def serve() -> None:
    """Answer until killed."""
    answers.update(json.loads(sys.argv[1]))
    address = sys.argv[2] if len(sys.argv) > 2 else ADDRESS
    port = int(sys.argv[3]) if len(sys.argv) > 3 else 80
    server = ThreadingHTTPServer((address, port), Handler)
    sys.stdout.write(f"ready {server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    serve()
