"""A web server on loopback that answers as told: rightly, late, for ever, or broken."""

from __future__ import annotations

import gzip
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class Said:
    """An answer with a length."""

    body: bytes = b""
    status: int = 200
    content_type: str = "text/plain"
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, asked: Handler) -> None:
        asked.send_response(self.status)
        asked.send_header("Content-Type", self.content_type)
        asked.send_header("Content-Length", str(len(self.body)))
        for name, value in self.headers.items():
            asked.send_header(name, value)
        asked.end_headers()
        asked.wfile.write(self.body)


Behaviour = Callable[["Handler"], None]


def to(place: str, status: int = 302) -> Said:
    """A redirect."""
    return Said(status=status, headers={"Location": place})


def zipped(body: bytes) -> Said:
    return Said(gzip.compress(body), headers={"Content-Encoding": "gzip"})


def zip_bomb(mib: int) -> Said:
    """That many MiB of `[[[[…` in a thousandth of it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join(packer.compress(b"[" * 2**20) for _ in range(mib)) + packer.flush()
    return Said(body, headers={"Content-Encoding": "gzip"})


def hang(asked: Handler) -> None:
    """Accept, and say nothing."""
    asked.served.over.wait(60)


def drip(asked: Handler) -> None:
    """The head, and then a byte now and then: no read ever times out."""
    asked.send_response(200)
    asked.end_headers()
    while not asked.served.over.wait(0.05):
        asked.wfile.write(b" ")


def drip_head(asked: Handler) -> None:
    """A header that does not end."""
    asked.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not asked.served.over.wait(0.05):
        asked.wfile.write(b"x")


def endless(asked: Handler) -> None:
    """A body without an end, as fast as it goes."""
    asked.send_response(200)
    asked.end_headers()
    while not asked.served.over.is_set():
        asked.wfile.write(b"[" * 65536)
        asked.served.sent_bytes += 65536


def endless_redirect(asked: Handler) -> None:
    asked.send_response(302)
    asked.send_header("Location", "/fine")
    asked.end_headers()
    while not asked.served.over.is_set():
        asked.wfile.write(b"x" * 65536)
        asked.served.sent_bytes += 65536


def not_http(asked: Handler) -> None:
    asked.wfile.write(b"SSH-2.0-OpenSSH_9.2p1\r\n")


def cut_short(asked: Handler) -> None:
    """Less than was promised."""
    asked.send_response(200)
    asked.send_header("Content-Length", "1000")
    asked.end_headers()
    asked.wfile.write(b'{"incidents": [')


@dataclass
class Served:
    """The server while it runs."""

    url: str = ""
    pages: dict[str, Behaviour] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Every request: its path and its headers, names in lower case."""
    over: threading.Event = field(default_factory=threading.Event)
    sent_bytes: int = 0


class Handler(BaseHTTPRequestHandler):
    served: Served

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.served.asked.append((self.path, headers))
        behaviour = self.served.pages.get(self.path, Said(b"not here", status=404))
        try:
            behaviour(self)
        except OSError:  # who asked went away
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_request: object) -> None:
        """Say nothing of connections that ended badly: that is what they are for."""


def certified(place: Path) -> Path:
    """A file with a key and a certificate for 127.0.0.1 that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = place / "tls.pem"
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Served]:
    """The server on a free port, until the block ends; https with a certificate and its key."""
    served = Served()
    bound = type("BoundHandler", (Handler,), {"served": served})
    with Server(("127.0.0.1", 0), bound) as server:
        scheme = "https" if certificate else "http"
        served.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
        if certificate:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(certificate)
            # Shaken hands with in the thread of the request, not where all wait.
            server.socket = tls.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield served
        finally:
            served.over.set()
            server.shutdown()
            thread.join(5)
