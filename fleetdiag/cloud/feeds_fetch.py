"""One bounded HTTP GET: an address -> what it answers.

Bounded in time, in bytes (also after decompression) and in redirects; http and https only, never
from https to http. A proxy is used where the environment names one (`https_proxy`, `no_proxy`).

Knows nothing of feeds. Redirects are followed here and not by urllib, which reads the body of a
redirect to its end, however long that is.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
import urllib.request
import zlib
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urljoin, urlsplit

from fleetdiag import __version__
from fleetdiag.cloud.feeds_entry import FeedError
from fleetdiag.cloud.feeds_text import plain

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 5.0
"""Between two pieces of an answer; the deadline counts besides."""
MAX_BYTES = 2 * 1024 * 1024
"""Of an answer, compressed and decompressed. Google's incidents are 0.2 MB."""
MAX_REDIRECTS = 3
_CHUNK_BYTES = 64 * 1024
_BAD_GZIP = "answers with gzip that is broken"
_TIMED_OUT = "does not answer (timed out)"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address answered."""

    url: str
    """The last one, after redirects."""
    body: bytes | None
    """None: not changed since the validators that were sent."""
    content_type: str = ""
    etag: str = ""
    last_modified: str = ""


class Wire:
    """The sockets of one fetch, so that it can be ended from outside at its deadline."""

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        """In the time of `time.monotonic`."""
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._is_cut = False

    def left_s(self) -> float:
        """Seconds until the deadline; raises FeedError where there are none."""
        left = self.ends_at - time.monotonic()
        if left <= 0 or self._is_cut:
            raise FeedError(_TIMED_OUT)
        return left

    def add(self, connected: socket.socket) -> None:
        """Remember a socket; one that comes after the end is cut at once."""
        with self._lock:
            self._sockets.append(connected)
        if self._is_cut:
            self.cut()

    def cut(self) -> None:
        """End every read that waits."""
        with self._lock:
            self._is_cut = True
            for each in self._sockets:
                with suppress(OSError):
                    # Not SSLSocket's own: that one takes the session from under the reader.
                    socket.socket.shutdown(each, socket.SHUT_RDWR)


def get(url: str, wire: Wire, *, etag: str = "", last_modified: str = "") -> Answer:
    """What `url` answers, sending the validators of an earlier answer; raises FeedError."""
    headers = {
        "User-Agent": f"fleetdiag/{__version__}",
        "Accept": "application/json, application/rss+xml, application/atom+xml, */*;q=0.5",
        "Accept-Encoding": "gzip",
    }
    if etag:
        headers["If-None-Match"] = etag
    if last_modified:
        headers["If-Modified-Since"] = last_modified
    for _ in range(MAX_REDIRECTS + 1):
        try:
            with _open(url, headers, wire) as response:
                if response.status not in (301, 302, 303, 307, 308):
                    return _answer(response, url, wire)
                url = _redirected(url, response.headers.get("Location", ""))
        except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
            raise FeedError(_why(error)) from error
    raise FeedError(f"redirects more than {MAX_REDIRECTS} times")


def _open(url: str, headers: dict[str, str], wire: Wire) -> http.client.HTTPResponse:
    _check_usable(url)
    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.ProxyHandler(), _Http(wire), _Https(wire)):
        opener.add_handler(handler)
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - its scheme is checked
    answer = opener.open(request, timeout=min(CONNECT_TIMEOUT_S, wire.left_s()))
    assert isinstance(answer, http.client.HTTPResponse)  # noqa: S101 - our own handlers return it
    return answer


class _Http(urllib.request.HTTPHandler):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_connector(_HttpConnection, self._wire), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, wire: Wire) -> None:
        super().__init__(context=_tls())
        self._wire = wire

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_connector(_HttpsConnection, self._wire), req, context=_tls())


def _connector(kind: Callable[..., http.client.HTTPConnection], wire: Wire) -> Any:
    return partial(kind, wire=wire)


@cache
def _tls() -> ssl.SSLContext:
    """One context for all: it reads the certificates of the system, which takes its time."""
    return ssl.create_default_context()


class _HttpConnection(http.client.HTTPConnection):
    def __init__(self, host: str, *, wire: Wire, **how: Any) -> None:
        super().__init__(host, **how)
        self._wire = wire

    def connect(self) -> None:
        super().connect()
        _connected(self.sock, self._wire)


class _HttpsConnection(http.client.HTTPSConnection):
    def __init__(self, host: str, *, wire: Wire, **how: Any) -> None:
        super().__init__(host, **how)
        self._wire = wire

    def connect(self) -> None:
        super().connect()
        _connected(self.sock, self._wire)


def _connected(connection: socket.socket, wire: Wire) -> None:
    wire.add(connection)
    connection.settimeout(min(READ_TIMEOUT_S, wire.left_s()))


def _check_usable(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise FeedError(f"has an address that is neither http nor https ({plain(url, 60)})")
    if not parts.hostname or parts.username is not None or not url.isascii():
        raise FeedError(f"has an address that cannot be used ({plain(url, 60)})")


def _redirected(url: str, location: str) -> str:
    if not location:
        raise FeedError("redirects, and does not say where to")
    to = urljoin(url, location.strip())
    before, after = urlsplit(url).scheme, urlsplit(to).scheme
    if after not in ("http", "https") or (before, after) == ("https", "http"):
        raise FeedError(f"redirects from {before} to {plain(after, 20)}, which is not followed")
    return to


def _answer(response: http.client.HTTPResponse, url: str, wire: Wire) -> Answer:
    headers = response.headers
    validators = {
        "etag": _validator(headers.get("ETag", "")),
        "last_modified": _validator(headers.get("Last-Modified", "")),
    }
    if response.status == http.HTTPStatus.NOT_MODIFIED:
        return Answer(url, None, **validators)
    if response.status != http.HTTPStatus.OK:
        is_wrong_address = 400 <= response.status < 500
        raise FeedError(f"answers {response.status}", try_next=is_wrong_address)
    body = _body(response, wire)
    return Answer(url, body, headers.get("Content-Type", "")[:200], **validators)


def _validator(value: str) -> str:
    """A header to be sent back; empty where it is not sound."""
    return value if len(value) <= 200 and value.isascii() and value.isprintable() else ""


def _body(response: http.client.HTTPResponse, wire: Wire) -> bytes:
    """The whole answer, decompressed; never more of it in memory than the bound."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", ""):
        raise FeedError(f"answers in an encoding not asked for ({plain(encoding, 20)})")
    # https://docs.python.org/3/library/zlib.html#zlib.decompressobj: 31 is gzip and nothing else.
    unzip = zlib.decompressobj(wbits=31) if "gzip" in encoding else None
    body, received_bytes = bytearray(), 0
    while chunk := response.read1(_CHUNK_BYTES):
        wire.left_s()
        received_bytes += len(chunk)
        body += unzip.decompress(chunk, MAX_BYTES + 1 - len(body)) if unzip else chunk
        if max(len(body), received_bytes) > MAX_BYTES:
            raise FeedError(f"answers with more than {MAX_BYTES // 1024**2} MiB")
    wire.left_s()  # a connection that was cut looks like the end of the answer
    if unzip and not unzip.eof:
        raise FeedError(_BAD_GZIP)
    return bytes(body)


def _why(error: Exception) -> str:
    """Why there is no answer, in words; system errors in the system's own."""
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        return _why(error.reason)
    if isinstance(error, TimeoutError):
        return _TIMED_OUT
    if isinstance(error, socket.gaierror):
        return "does not answer (its name is not found)"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"cannot be trusted (its certificate: {plain(error.verify_message, 100)})"
    if isinstance(error, ConnectionRefusedError):
        return "does not answer (connection refused)"
    if isinstance(error, zlib.error):
        return _BAD_GZIP
    if isinstance(error, OSError) and error.strerror:
        return f"does not answer ({plain(error.strerror, 100).lower()})"
    if isinstance(error, OSError | http.client.RemoteDisconnected):
        return "does not answer (connection lost)"
    if isinstance(error, http.client.HTTPException):
        return "answers with something that is not HTTP"
    return "has an address that cannot be used"
