"""An EC2 endpoint on loopback: the documented query API with XML answers, and faults on demand.

moto serves neither impaired status nor scheduled events nor a console of one's choice; this does::

    instances = [
        Instance("web-1", zone="us-east-1a", system="impaired", since="2025-06-01T03:00:00Z"),
        Instance("web-2", zone="us-east-1b", console=b"kernel panic\\n"),
    ]
    with Ec2Server(instances) as server:
        subprocess.run([…], env={**os.environ, **server.environment})
        server.fail("unauthorized", action="GetConsoleOutput")
        assert server.count("DescribeInstances") == 1

It answers DescribeInstances (paged, filtered), DescribeInstanceStatus, DescribeAvailabilityZones
and GetConsoleOutput for every region, which it reads from the request's signature (not checked),
and AWS Health's DescribeEvents and DescribeEventDetails. `instances`, `zones` and `health` are
plain lists that may be changed while it runs.

As a process: `python -m tests.cloud.ec2_server FILE.json` prints its URL on the first line and
serves until its stdin ends. The file: `{"instances": [{"name": "web-1", …}], "zones": [],
"health": [], "faults": [{"kind": "unauthorized", "action": "GetConsoleOutput"}]}`, keys as the
fields of Instance, Zone, Notice and Fault.

`ec2_answers` has the shapes; instances without an id have `id_of(name)`.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

from tests.cloud.ec2_answers import (
    ACTIONS,
    ODD,
    Event,
    Instance,
    RefusedError,
    Zone,
    document,
    error,
)
from tests.cloud.health_answers import Notice, health_answer, health_error

FAULTS: Mapping[str, tuple[int, str, str]] = {
    # What EC2 answers: HTTP status, code, message (API reference, "Error codes").
    "throttled": (503, "RequestLimitExceeded", "Request limit exceeded."),
    "expired-token": (400, "ExpiredToken", "The provided token has expired."),
    "request-expired": (400, "RequestExpired", "Request has expired."),
    "auth-failure": (401, "AuthFailure", "AWS was not able to validate the access credentials"),
    "unauthorized": (
        403,
        "UnauthorizedOperation",
        "You are not authorized to perform this operation. User: arn:aws:iam::1:user/x",
    ),
    "unavailable": (503, "Unavailable", "The service is unavailable. Please try again shortly."),
    "bad-filter": (400, "InvalidParameterValue", "The filter 'colour' is invalid"),
}


@dataclass(slots=True)
class Fault:
    """What goes wrong with calls that match, `times` times (None: every time).

    `kind` is one of FAULTS, or `hang` (no answer until the server ends), `slow` (after `seconds`),
    `malformed` (no XML), `truncated` (the connection ends midway), `bare` (an answer without any
    field), `odd` (fields empty, dates that are none), `flood` (16 MiB of description).
    """

    kind: str
    action: str = "*"
    region: str = "*"
    times: int | None = None
    seconds: float = 1.0

    def matches(self, action: str, region: str) -> bool:
        there = fnmatchcase(action, self.action) and fnmatchcase(region, self.region)
        return there and self.times != 0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    action: str
    region: str
    values: Mapping[str, str]
    at: float
    """`time.monotonic()`."""


class Ec2Server:
    """Serves on a free port of 127.0.0.1 while its block runs; see the module for how."""

    def __init__(
        self,
        instances: Sequence[Instance] = (),
        zones: Sequence[Zone] = (),
        health: Sequence[Notice] | None = None,
        port: int = 0,
    ) -> None:
        """`zones`: those of the instances where none are given. `health`: None is an account
        without a support plan (SubscriptionRequiredException).
        """
        self.instances = list(instances)
        self.zones = list(zones) or [Zone(name) for name in sorted({i.zone for i in instances})]
        self.health = None if health is None else list(health)
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.ended = threading.Event()
        self._lock = threading.Lock()
        self._http = _Listener(("127.0.0.1", port), _Handler)
        self._http.ec2 = self
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def environment(self) -> dict[str, str]:
        """What makes AWS clients ask this server and nobody else."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_CONFIG_FILE": "/nonexistent/config",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def fail(self, kind: str, **where: Any) -> Fault:
        """Let calls go wrong from now on: `fail("throttled", action="DescribeInstances", times=2)`.

        Give the fault back to `heal` to end it.
        """
        fault = Fault(kind, **where)
        self.faults.append(fault)
        return fault

    def heal(self, fault: Fault | None = None) -> None:
        """End one fault, or all."""
        self.faults = [] if fault is None else [f for f in self.faults if f is not fault]

    def count(self, action: str, region: str = "*") -> int:
        """How often that was asked."""
        return sum(a.action == action and fnmatchcase(a.region, region) for a in self.asked)

    def note(self, asked: Asked) -> Fault | None:
        """Remember a request; the fault it is to have."""
        with self._lock:
            self.asked.append(asked)
            for fault in self.faults:
                if fault.matches(asked.action, asked.region):
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._http.shutdown()
        self._http.server_close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    ec2: Ec2Server

    def handleerror(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests are about: nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        action, values = self._action(body)
        region = _signed_region(self.headers.get("Authorization", ""))
        ec2 = self.server.ec2
        fault = ec2.note(Asked(action, region, values, time.monotonic()))
        if fault is None or fault.kind == "slow":
            if fault is not None:
                ec2.ended.wait(fault.seconds)
            status, answer, kind = self._answer(ec2, action, region, values)
            self._send(status, answer, kind)
        else:
            self._fail(ec2, fault, action)

    def _action(self, body: bytes) -> tuple[str, dict[str, str]]:
        """The action, and its flat parameters; `health:…` for AWS Health's two protocols."""
        target = self.headers.get("X-Amz-Target", "")
        if "AWSHealth" in target or "/AWSHealth" in self.path:
            return "health:" + re.split(r"[./]", target or self.path)[-1], {}
        values = {key: value[-1] for key, value in parse_qs(body.decode()).items()}
        return values.get("Action", ""), values

    def _answer(
        self, ec2: Ec2Server, action: str, region: str, values: Mapping[str, str]
    ) -> tuple[int, bytes, str]:
        if action.startswith("health:"):
            cbor = "cbor" in self.headers.get("Content-Type", "")
            return health_answer(action.removeprefix("health:"), ec2.health, cbor=cbor)
        answer = ACTIONS.get(action)
        if answer is None:
            return 400, error("InvalidAction", f"The action {action} is not valid"), "text/xml"
        try:
            inside = answer(ec2, region, values)
        except RefusedError as refused:
            return 400, error(*refused.args), "text/xml"
        return 200, document(action, inside), "text/xml"

    def _fail(self, ec2: Ec2Server, fault: Fault, action: str) -> None:
        if fault.kind in FAULTS and action.startswith("health:"):
            cbor = "cbor" in self.headers.get("Content-Type", "")
            self._send(*health_error(*FAULTS[fault.kind], cbor=cbor))
        elif fault.kind in FAULTS:
            status, code, message = FAULTS[fault.kind]
            self._send(status, error(code, message))
        elif fault.kind == "hang":
            ec2.ended.wait()
            self.close_connection = True
        elif fault.kind == "malformed":
            self._send(200, b"<html><body>Login to the hotel\x1b[31m network</p>")
        elif fault.kind == "truncated":
            self._send(200, document(action, "<reservationSet><item>"), cut=True)
        elif fault.kind == "bare":
            self._send(200, document(action, ""))
        elif fault.kind == "odd":
            self._send(200, document(action, ODD))
        elif fault.kind == "flood":
            self._send(200, document(action, f"<output>{'A' * (16 << 20)}</output>"))
        else:
            raise ValueError(f"no such fault: {fault.kind}")

    def _send(self, status: int, body: bytes, kind: str = "text/xml", *, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if "cbor" in kind:
            self.send_header("smithy-protocol", "rpc-v2-cbor")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Nothing on stderr."""


def _signed_region(authorization: str) -> str:
    """`…Credential=KEY/20250601/us-east-1/ec2/aws4_request…` -> `us-east-1`."""
    found = re.search(r"Credential=[^/]*/\d+/([^/]+)/", authorization)
    return found[1] if found else ""


# ------------------------------------------------------------------------------- as a process


def server_from(data: Mapping[str, Any]) -> Ec2Server:
    """The server that a JSON object describes (see the module)."""
    instances = [_instance_from(said) for said in data.get("instances", ())]
    zones = [Zone(**said) for said in data.get("zones", ())]
    health = data.get("health")
    notices = None if health is None else [Notice(**said) for said in health]
    server = Ec2Server(instances, zones, notices)
    for said in data.get("faults", ()):
        server.fail(**said)
    return server


def _instance_from(said: Mapping[str, Any]) -> Instance:
    values = dict(said)
    values["events"] = [Event(**event) for event in said.get("events", ())]
    if isinstance(said.get("console"), str):
        values["console"] = said["console"].encode()
    return Instance(**values)


def main(path: str) -> None:
    with open(path, encoding="utf-8") as stream:  # noqa: PTH123 - may be /dev/stdin's neighbour
        server = server_from(json.load(stream))
    with server:
        sys.stdout.write(server.url + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
