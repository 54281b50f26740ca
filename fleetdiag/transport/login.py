"""From a byte stream to a logged-in SSH connection: key exchange, host key, authentication."""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from paramiko.channel import Channel
from paramiko.ssh_exception import (
    AuthenticationException,
    BadAuthenticationType,
    IncompatiblePeer,
    SSHException,
)

from fleetdiag.errors import HostError
from fleetdiag.model import HostStatus
from fleetdiag.transport.dial import DROPPED
from fleetdiag.transport.eager import EagerTransport
from fleetdiag.transport.inline import InlineTransport
from fleetdiag.transport.known_hosts import (
    KnownHosts,
    Trust,
    Verdict,
    append,
    fingerprint,
    line_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import paramiko
    from paramiko.pkey import PKey

    from fleetdiag.model import Endpoint, Limits
    from fleetdiag.transport.dial import Stream
    from fleetdiag.transport.inline import Opening
    from fleetdiag.transport.keys import KeyRing
    from fleetdiag.transport.secrets import Secrets

# The library logs what we say in words; without a handler Python would print it.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

USER_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
SYSTEM_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")

_SIGNATURES_BY_KEY = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")}
_SPARE_S = 1.0
"""Lets the identification's own limit pass first, which says what was missing."""
_DROPPED = {
    b"Exceeded MaxStartups": "the server takes no more logins at once (MaxStartups)",
    b"Not allowed at this time": (
        "the server turns this machine away for a while, as it does after failed logins"
        " (PerSourcePenalties)"
    ),
}
"""What OpenSSH says in place of its identification (sshd.c, drop_connection), and what it means."""
_IN_WORDS = {"kex algorithm": "key exchange", "host key": "type of host key", "ciphers": "cipher"}
_IDENTIFIES = re.compile(rb"^SSH-", re.MULTILINE)
"""Other lines may come before it (RFC 4253, section 4.2)."""
_TOO_MANY = (
    "too many keys for it: name the right one (--identity-file, or IdentityFile and IdentitiesOnly"
    " in ssh_config)"
)
ENDED_DURING_LOGIN = "the connection ended during login"


class OtherKeyTypes(Exception):  # noqa: N818 - a request to connect again, not an error
    """The server showed a key of a type the host is not known by; it may have the others too."""

    def __init__(self, types: tuple[str, ...]) -> None:
        super().__init__(types)
        self.types = types


class HostKeys:
    """The known_hosts files of a run: each set of files read once, new keys added at one place."""

    def __init__(self, *, accept_new: bool) -> None:
        self._accept_new = accept_new
        self._lock = threading.Lock()
        self._files: dict[tuple[str, ...], KnownHosts] = {}

    def known(self, endpoint: Endpoint) -> KnownHosts:
        """What the endpoint's files say."""
        paths = _paths(endpoint)
        with self._lock:
            if paths not in self._files:
                self._files[paths] = KnownHosts.load(paths)
            return self._files[paths]

    def verify(self, endpoint: Endpoint, key: paramiko.PKey, *, asked_types: bool) -> None:
        """Return if the key is known (or new and accepted); else HostError or OtherKeyTypes."""
        name, port, address = _looked_up(endpoint)
        blob = key.asbytes()
        verdict = self.known(endpoint).check(name, port, key.get_name(), blob, address=address)
        if verdict.trust is Trust.KNOWN:
            return
        if verdict.trust is Trust.OTHER_TYPES and not asked_types:
            raise OtherKeyTypes(verdict.known_types)
        if verdict.trust is Trust.UNKNOWN and self._accept_new:
            self._add(endpoint, line_for(name, port, key.get_name(), blob))
            return
        raise _refusal(verdict, name, port, key)

    def _add(self, endpoint: Endpoint, line: str) -> None:
        path = _paths(endpoint)[0]
        try:
            with self._lock:
                append(path, line)
        except OSError as error:
            words = f"its key is new and {path} cannot be written: {error.strerror}"
            raise HostError(HostStatus.KEY_UNKNOWN, words) from error


@dataclass(frozen=True, slots=True)
class Login:
    """What every login of a run shares."""

    keys: KeyRing
    secrets: Secrets
    host_keys: HostKeys
    taken: set[tuple[str, bytes]] = field(default_factory=set)
    """Users with the public keys that some host of the run has let them in with."""

    def for_many(
        self,
        stream: Stream | Channel,
        endpoint: Endpoint,
        limits: Limits,
        key_types: tuple[str, ...] = (),
    ) -> EagerTransport:
        """A logged-in connection for threads to share, over an open stream, which it owns.

        `key_types` are the host key types to insist on. Raises HostError, or OtherKeyTypes when
        the stream is spent but another login with those types may do.
        """
        connection = EagerTransport(stream)

        def offer(key: PKey, *, expected: bool) -> Sequence[str]:  # noqa: ARG001
            return connection.auth_publickey(endpoint.user, key)

        self._over(connection, offer, stream, endpoint, limits, key_types)
        return connection

    def for_one(
        self,
        stream: Stream,
        endpoint: Endpoint,
        limits: Limits,
        key_types: tuple[str, ...] = (),
        opening: Opening | None = None,
    ) -> InlineTransport:
        """As `for_many`, for one thread and one session: `opening` is asked for with the login.

        Raises TooEagerError, too, when another login without `opening` may do.
        """
        connection = InlineTransport(stream)

        def offer(key: PKey, *, expected: bool) -> Sequence[str]:
            return connection.auth_and_open(endpoint.user, key, opening if expected else None)

        self._over(connection, offer, stream, endpoint, limits, key_types)
        return connection

    def _over(
        self,
        connection: EagerTransport,
        offer: Callable[..., Sequence[str]],
        stream: Stream | Channel,
        endpoint: Endpoint,
        limits: Limits,
        key_types: tuple[str, ...],
    ) -> None:
        try:
            known = self.host_keys.known(endpoint)
            name, port, address = _looked_up(endpoint)
            preferred = key_types or known.key_types(name, port, address=address)
            _prefer(connection, preferred, only=bool(key_types))
            key = _negotiate(connection, stream, limits)
            self.host_keys.verify(endpoint, key, asked_types=bool(key_types))
            self._authenticate(connection, offer, endpoint, limits)
        except BaseException:
            connection.close()
            raise

    def _authenticate(
        self,
        connection: EagerTransport,
        offer: Callable[..., Sequence[str]],
        endpoint: Endpoint,
        limits: Limits,
    ) -> None:
        """Offer keys, then the password; HostError says what was tried and what would do."""
        connection.auth_timeout = limits.auth_s
        identities, problems = self.keys.offers(endpoint)
        tried: list[str] = []
        offered = _Offered(tried, problems)
        allowed: Sequence[str] = ()
        alone = len(identities) == 1 and self.secrets.password is None
        for identity in identities:
            tried.append(identity.label)
            known = (endpoint.user, identity.key.asbytes())
            try:
                allowed = offer(identity.key, expected=alone or known in self.taken)
            except BadAuthenticationType as error:
                allowed = error.allowed_types
                break
            except AuthenticationException as error:
                if not connection.is_active() or "timeout" in str(error).lower():
                    raise _auth_ended(error, connection, endpoint, limits, offered) from error
                continue
            except (SSHException, EOFError, OSError) as error:
                raise _auth_ended(error, connection, endpoint, limits, offered) from error
            if connection.is_authenticated():
                self.taken.add(known)
                return
        if self.secrets.password is not None:
            tried.append("the password")
            if self._with_password(connection, endpoint.user, self.secrets.password):
                return
        takes = ", ".join(filter(None, allowed))
        raise _auth_failure(endpoint, tried, problems, f"it takes {takes}" if takes else "")

    def _with_password(self, connection: paramiko.Transport, user: str, password: str) -> bool:
        try:
            connection.auth_password(user, password)
        except (SSHException, EOFError, OSError):
            return False
        return connection.is_authenticated()


def _prefer(connection: paramiko.Transport, types: tuple[str, ...], *, only: bool) -> None:
    """Ask for host keys of these types first (or only): the ones that can be verified."""
    options = connection.get_security_options()
    wanted = [s for t in types for s in _SIGNATURES_BY_KEY.get(t, (t,)) if s in options.key_types]
    rest = () if only else (t for t in options.key_types if t not in wanted)
    if wanted:
        options.key_types = (*wanted, *rest)


def _negotiate(
    connection: paramiko.Transport, stream: Stream | Channel, limits: Limits
) -> paramiko.PKey:
    """Identification and key exchange: the server's key; HostError with what it did instead."""
    connection.banner_timeout = limits.banner_s
    connection.handshake_timeout = limits.banner_s
    try:
        # Past its timeout start_client returns as if all were well; the key is not there then.
        connection.start_client(timeout=limits.banner_s + _SPARE_S)
        return connection.get_remote_server_key()
    except IncompatiblePeer as error:
        raise HostError(HostStatus.AUTH_FAILED, _nothing_in_common(error)) from error
    except (SSHException, EOFError, OSError) as error:
        raise _negotiation_failure(stream, limits) from error


def _nothing_in_common(error: IncompatiblePeer) -> str:
    """Which kind of algorithm, by paramiko's text: `Incompatible ssh peer (no acceptable …)`."""
    found = re.search(r"no acceptable ([^)]+)", str(error))
    what = _IN_WORDS.get(found[1], found[1]) if found else "algorithm"
    return f"no {what} in common with the server; --transport openssh may have one"


def _negotiation_failure(stream: Stream | Channel, limits: Limits) -> HostError:
    said = b"" if isinstance(stream, Channel) else stream.first_bytes
    ended = stream.closed if isinstance(stream, Channel) else stream.ended
    if ended and not isinstance(stream, Channel) and stream.proxied and not said:
        return HostError(HostStatus.UNREACHABLE, "the proxy command ended without a connection")
    if ended and not said:
        return HostError(HostStatus.THROTTLED, DROPPED)
    for text, words in _DROPPED.items():
        if said.startswith(text):
            return HostError(HostStatus.THROTTLED, words)
    if said and not b"SSH-".startswith(said[:4]) and not _IDENTIFIES.search(said):
        shown = said.split(b"\n")[0].decode(errors="replace")[:60]
        words = f"answers, but not as an SSH server: {shown!r}"
        return HostError(HostStatus.UNREACHABLE, words)
    if not said:
        words = f"connected, but the server said nothing within {limits.banner_s:g} s"
        return HostError(HostStatus.TIMED_OUT, words)
    if ended:
        return HostError(HostStatus.LOST, ENDED_DURING_LOGIN)
    words = f"connected, but no key exchange within {limits.banner_s:g} s"
    return HostError(HostStatus.TIMED_OUT, words)


@dataclass(frozen=True, slots=True)
class _Offered:
    """What a server was offered till now, in words, and what could not be offered."""

    tried: list[str]
    problems: list[str]


def _auth_ended(
    error: Exception,
    connection: EagerTransport,
    endpoint: Endpoint,
    limits: Limits,
    offered: _Offered,
) -> HostError:
    """Why no answer came to the key offered last; servers do not always say."""
    said, tried, problems = connection.farewell, offered.tried, offered.problems
    if "timeout" in str(error).lower():
        words = f"connected, but no answer to the login within {limits.auth_s:g} s"
        return HostError(HostStatus.TIMED_OUT, words)
    if "too many" in said.lower():
        return _auth_failure(endpoint, tried, problems, _TOO_MANY)
    if said:
        return _auth_failure(endpoint, tried, problems, f"it said: {said}")
    if isinstance(error, (AuthenticationException, EOFError)):
        # An end in order, and no word: so does OpenSSH where PAM refuses the account.
        why = "the server closed the connection: account expired or locked?"
        return _auth_failure(endpoint, tried, problems, why if len(tried) == 1 else _TOO_MANY)
    return HostError(HostStatus.LOST, ENDED_DURING_LOGIN)


def _auth_failure(
    endpoint: Endpoint, tried: Sequence[str], problems: Sequence[str], why: str
) -> HostError:
    offered = ", ".join(tried) if tried else "nothing to offer"
    parts = [f"user {endpoint.user} refused; tried {offered}", *problems, *([why] if why else [])]
    return HostError(HostStatus.AUTH_FAILED, "; ".join(parts))


def _refusal(verdict: Verdict, name: str, port: int, key: paramiko.PKey) -> HostError:
    kind, blob = key.get_name(), key.asbytes()
    shown, where = f"{kind} {fingerprint(blob)}", ", ".join(verdict.evidence)
    match verdict.trust:
        case Trust.CHANGED | Trust.OTHER_TYPES:
            words = f"another host key than the known one ({where}): {shown}"
            return HostError(HostStatus.KEY_CHANGED, words)
        case Trust.REVOKED:
            return HostError(HostStatus.KEY_CHANGED, f"the host key is revoked ({where}): {shown}")
        case Trust.CA_ONLY:
            words = f"known by a certificate authority only ({where}): use --transport openssh"
            return HostError(HostStatus.KEY_UNKNOWN, words)
    words = f"unknown host key {shown}; --accept-new records it, as would the line: "
    return HostError(HostStatus.KEY_UNKNOWN, words + line_for(name, port, kind, blob))


def _looked_up(endpoint: Endpoint) -> tuple[str, int, str | None]:
    """Name, port and address to look up in known_hosts; an alias goes without a port."""
    if endpoint.host_key_alias:
        return endpoint.host_key_alias, 22, None
    return endpoint.address, endpoint.port, endpoint.name


def _paths(endpoint: Endpoint) -> tuple[str, ...]:
    paths = endpoint.known_hosts_files or (*USER_KNOWN_HOSTS, *SYSTEM_KNOWN_HOSTS)
    return tuple(str(Path(path).expanduser()) for path in paths)
