"""paramiko's Transport with waits and work left out; what is private of it is here and in inline.

The request for the authentication service and the first signed request are sent in one flight:
the server takes them in order, and one that refuses the service disconnects either way (RFC 4253,
section 10). Further keys then cost one round trip each instead of two. Tried against OpenSSH and
dropbear; docs/decisions/0004-one-flight.md.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

from paramiko.auth_handler import AuthOnlyHandler
from paramiko.common import cMSG_SERVICE_REQUEST, cMSG_USERAUTH_REQUEST
from paramiko.message import Message
from paramiko.ssh_exception import SSHException
from paramiko.transport import ServiceRequestingTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from paramiko.pkey import PKey

_WITHOUT_MAC = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
"""paramiko compares a packet's MAC byte by byte in Python, which costs more than all else that it
does with a packet; these ciphers come without one."""

_FAREWELL_MAX_CHARS = 200


class EagerTransport(ServiceRequestingTransport):
    """Asks to authenticate without waiting for leave to ask."""

    def __init__(self, stream: Any) -> None:
        self._algorithms_known = threading.Event()
        self.farewell = ""
        """Why the server disconnected, in its own words; one line."""
        super().__init__(stream)
        options = self.get_security_options()
        others = (cipher for cipher in options.ciphers if cipher not in _WITHOUT_MAC)
        options.ciphers = (*_WITHOUT_MAC, *others)

    def ensure_session(self) -> None:
        """Ask for the authentication service, once, and go on."""
        if not self.is_active() or not self.initial_kex_done:
            raise SSHException("the connection ended")
        if self.auth_handler is not None:
            return
        self.auth_handler = self._new_auth_handler()
        message = Message()
        message.add_byte(cMSG_SERVICE_REQUEST)
        message.add_string("ssh-userauth")
        self._send_message(message)  # type: ignore[attr-defined]  # missing in the stubs

    def auth_publickey(self, username: str, key: PKey) -> list[str]:  # type: ignore[override]
        """As paramiko's; but for RSA, wait until the server's signature algorithms are known.

        It names them behind its key exchange (RFC 8308), before it answers our first request.
        """
        self.ensure_session()
        if "rsa" in key.get_name():
            self._wait_for_algorithms()
        handler = cast("EagerAuthHandler", self.auth_handler)
        allowed: list[str] = handler.auth_publickey(username, key)
        return allowed

    def _new_auth_handler(self) -> EagerAuthHandler:
        return EagerAuthHandler(self)

    def _wait_for_algorithms(self) -> None:
        self._algorithms_known.wait(self.auth_timeout)

    def _parse_disconnect(self, m: Message) -> None:
        m.get_int()
        self.farewell = " ".join(m.get_text().split())[:_FAREWELL_MAX_CHARS]

    def _parse_ext_info(self, msg: Message) -> None:
        super()._parse_ext_info(msg)  # type: ignore[misc]  # missing in the stubs
        self._algorithms_known.set()

    def _parse_service_accept(self, m: Message) -> None:
        super()._parse_service_accept(m)  # type: ignore[misc]
        self._algorithms_known.set()


class EagerAuthHandler(AuthOnlyHandler):
    """Ready for an answer before it asks: paramiko makes the event only after it sent."""

    def send_auth_request(
        self, username: str, method: str, finish_message: Callable[[Message], None] | None = None
    ) -> list[str]:
        """The methods that may go on where this one alone does not do; raises when refused."""
        self.auth_method = method
        self.username = username
        self.auth_event = threading.Event()
        message = Message()
        message.add_byte(cMSG_USERAUTH_REQUEST)
        for text in (username, "ssh-connection", method):
            message.add_string(text)
        if finish_message is not None:
            finish_message(message)
        with self.transport.lock:
            # As paramiko's own handlers do.
            self.transport._send_message(message)  # type: ignore[attr-defined]  # noqa: SLF001
        self.asked()
        allowed: list[str] = self.wait_for_response(self.auth_event)
        return allowed

    def asked(self) -> None:
        """A request was sent, its answer is not waited for yet."""
