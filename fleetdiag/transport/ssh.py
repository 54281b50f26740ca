"""SSH: the connection first, the libraries while it is being made.

Importing them takes as long as a round trip to a near continent; the hosts need not wait for it.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fleetdiag.errors import HostError
from fleetdiag.model import HostStatus
from fleetdiag.transport.dial import dial

if TYPE_CHECKING:
    from collections.abc import Iterator

    import paramiko

    from fleetdiag.model import Endpoint, Host, Limits
    from fleetdiag.transport.secrets import Secrets
    from fleetdiag.transport.sessions import Sessions, SshSession


class SshTransport:
    """Sessions over SSH; keys, agent and known_hosts are read once and shared by all threads."""

    def __init__(self, secrets: Secrets, *, accept_new: bool = False) -> None:
        self._secrets = secrets
        self._accept_new = accept_new
        self._lock = threading.Lock()
        self._made: Sessions | None = None
        threading.Thread(target=self._sessions, daemon=True).start()

    def open(self, host: Host, limits: Limits, first: bytes = b"") -> SshSession:
        """A shell reading from our channel; raises HostError with status and reason."""
        endpoint = host.endpoint
        if endpoint is None:
            raise HostError(HostStatus.NOT_RUN, "no address to log in to")
        dialled = None if endpoint.via else dial(endpoint, limits)
        return self._sessions().open(dialled, endpoint, limits, first)

    def log_in(self, endpoint: Endpoint, limits: Limits) -> paramiko.Transport:
        """A logged-in connection, the caller's to close; raises HostError."""
        return self._sessions().log_in(endpoint, limits)

    def close(self) -> None:
        """Log out of the bastions, let go of the agent."""
        with self._lock:
            if self._made is not None:
                self._made.close()

    def _sessions(self) -> Sessions:
        with self._lock:
            if self._made is None:
                made = load_libraries()
                self._made = made(self._secrets, accept_new=self._accept_new)
            return self._made


def load_libraries() -> type[Sessions]:
    """Import what logins need, in the calling thread."""
    with _without_invoke():
        from fleetdiag.transport.sessions import Sessions
    return Sessions


@contextmanager
def _without_invoke() -> Iterator[None]:
    """Imports of paramiko's without invoke, which half of their time goes into.

    paramiko wants it for `Match exec` in ssh_config, which it does without where invoke is missing,
    and we read that file ourselves.
    """
    if "invoke" in sys.modules:
        yield
        return
    sys.modules["invoke"] = None  # type: ignore[assignment]  # the import system's own sign
    try:
        yield
    finally:
        del sys.modules["invoke"]
