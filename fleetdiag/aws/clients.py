"""Clients of one profile; what botocore resolves, waits for and repeats."""

from __future__ import annotations

import functools
import os
import threading
from typing import TYPE_CHECKING, Any

from fleetdiag.aws.trouble import ATTEMPTS, CONNECT_S
from fleetdiag.aws.values import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

READ_S = 5.0
"""Between two reads of one answer."""
CONNECT_ATTEMPTS = 2
"""Of one call, where nothing answers: who waits for a dead endpoint waits for nothing."""
CONNECTIONS = 10
MAX_ANSWER_BYTES = 32 << 20
"""A page of 1,000 instances is about 5 MB."""


class Aws:
    """Clients of one profile (None: as the environment says); any thread may ask for one."""

    def __init__(self, profile: str | None = None, *, read_s: float = READ_S) -> None:
        """`read_s`: how long an answer may pause."""
        self._profile = profile
        self._read_s = read_s
        self._lock = threading.Lock()
        self._session: Any = None
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str) -> Any:
        """The client of a service (`ec2`) in a region; made once.

        Raises what botocore raises, and ImportError where it is not installed. The first may take
        as long as the credentials take to resolve: call it inside a `Call`.
        """
        with self._lock:
            if (service, region) not in self._clients:
                session = self._opened()
                made = session.create_client(service, region_name=region)
                made.meta.events.register("needs-retry", _give_up_soon)
                made.meta.events.register("before-parse", _refuse_huge)
                self._clients[service, region] = made
            return self._clients[service, region]

    def default_region(self) -> str | None:
        """The region of the profile or the environment, None where neither has one."""
        with self._lock:
            found = self._opened().get_config_variable("region")
        return found or os.environ.get("AWS_REGION") or None

    def known_regions(self) -> list[str]:
        """Every region of EC2 that this version of botocore has heard of."""
        with self._lock:
            session = self._opened()
            names = [
                session.get_available_regions("ec2", partition_name=partition)
                for partition in session.get_available_partitions()
            ]
        return sorted(name for some in names for name in some)

    def close(self) -> None:
        """Drop the connections; calls still under way may go on to their own end."""
        with self._lock:
            clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()

    def _opened(self) -> Any:
        """The session; the lock is held."""
        if self._session is None:
            from botocore.config import Config
            from botocore.session import Session

            session = Session(profile=self._profile)
            data_path = session.get_config_variable("data_path")
            session.register_component("data_loader", _loader(data_path))
            factory = session.get_component("response_parser_factory")
            factory.set_parser_defaults(timestamp_parser=moment)
            session.set_default_client_config(
                Config(
                    connect_timeout=CONNECT_S,
                    read_timeout=self._read_s,
                    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                    max_pool_connections=CONNECTIONS,
                    user_agent_extra="fleetdiag",
                )
            )
            self._session = session
        return self._session


@functools.cache
def _loader(data_path: str | None) -> Any:
    """What reads botocore's own files: EC2's is large, so it is read once, not once a session."""
    from botocore.loaders import create_loader

    return create_loader(data_path)


def _give_up_soon(
    attempts: int = 0, caught_exception: Exception | None = None, **_: object
) -> None:
    """A hook of botocore before each repetition: raises where nobody answers time and again."""
    from botocore.exceptions import ConnectionError as NoConnectionError
    from botocore.exceptions import HTTPClientError

    nobody = isinstance(caught_exception, (NoConnectionError, HTTPClientError))
    if caught_exception is not None and nobody and attempts >= CONNECT_ATTEMPTS:
        raise caught_exception


def _refuse_huge(response_dict: Mapping[str, Any], **_: object) -> None:
    """A hook of botocore before an answer is parsed."""
    if len(response_dict.get("body") or b"") > MAX_ANSWER_BYTES:
        raise ValueError(f"larger than {MAX_ANSWER_BYTES >> 20} MiB")
