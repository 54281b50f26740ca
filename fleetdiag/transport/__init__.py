"""How bytes reach a host: a byte stream to `sh -s`, whatever carries it.

Knows nothing of playbooks, of the script that is sent, or of what comes back. The libraries are
imported when the first host needs them: a run on recorded hosts loads no SSH.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.errors import PlanError
from fleetdiag.model import TransportKind
from fleetdiag.transport.keyfiles import is_plainly_unencrypted
from fleetdiag.transport.secrets import Secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleetdiag.model import Endpoint, Host, Limits, Plan, Session, Transport

__all__ = ["Secrets", "encrypted_keys", "open_transport", "prepare"]


def open_transport(
    plan: Plan,
    secrets: Secrets = Secrets(),  # noqa: B008 - frozen
    *,
    accept_new: bool = False,
    ssh_config: str | None = None,
) -> Transport:
    """What opens a session to any host of the plan, each by its own kind.

    `ssh_config` is the file given to the system's ssh instead of the user's. Raises PlanError
    where secrets were asked that a transport cannot use.
    """
    kinds = _kinds(plan, secrets)
    return _ByKind(
        {kind: _make(kind, plan, secrets, accept_new, ssh_config) for kind in sorted(kinds)}
    )


def prepare(plan: Plan, secrets: Secrets) -> None:
    """Do now, without a thread, what need not be done by each of several processes.

    Imports what transports for the plan need; raises PlanError where `open_transport` would.
    """
    if TransportKind.SSH in _kinds(plan, secrets):
        from fleetdiag.transport.ssh import load_libraries

        load_libraries()


def encrypted_keys(plan: Plan) -> tuple[str, ...]:
    """Identity files of the plan that need a passphrase and are not in the agent."""
    endpoints = list(_endpoints(plan))
    paths = {path for endpoint in endpoints for path in endpoint.identity_files}
    if all(is_plainly_unencrypted(path) for path in paths):
        return ()
    from fleetdiag.transport.keys import encrypted_files

    return encrypted_files(endpoints)


def _kinds(plan: Plan, secrets: Secrets) -> set[TransportKind]:
    kinds = {host_plan.host.transport for host_plan in plan.hosts}
    if TransportKind.OPENSSH in kinds and secrets.password is not None:
        raise PlanError("--ask-pass needs the ssh transport: the system's ssh asks by itself")
    return kinds


def _make(
    kind: TransportKind, plan: Plan, secrets: Secrets, accept_new: bool, ssh_config: str | None
) -> Transport:
    match kind:
        case TransportKind.SSH:
            from fleetdiag.transport.ssh import SshTransport

            return SshTransport(secrets, accept_new=accept_new)
        case TransportKind.OPENSSH:
            from fleetdiag.transport.openssh import OpensshTransport

            return OpensshTransport(accept_new=accept_new, config=ssh_config)
        case TransportKind.LOCAL:
            from fleetdiag.transport.process import LocalTransport

            return LocalTransport()
        case TransportKind.REPLAY:
            from fleetdiag.transport.replay import ReplayTransport

            return ReplayTransport(plan.playbook.steps)


class _ByKind:
    """Hosts of several kinds in one run."""

    def __init__(self, transports: dict[TransportKind, Transport]) -> None:
        self._transports = transports

    def open(self, host: Host, limits: Limits, first: bytes = b"") -> Session:
        return self._transports[host.transport].open(host, limits, first)

    def close(self) -> None:
        for transport in self._transports.values():
            transport.close()


def _endpoints(plan: Plan) -> Iterator[Endpoint]:
    for host_plan in plan.hosts:
        endpoint = host_plan.host.endpoint
        if endpoint is not None and host_plan.host.transport is TransportKind.SSH:
            yield endpoint
            yield from endpoint.via
