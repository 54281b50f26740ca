"""The consoles of instances: GetConsoleOutput. What a host printed last needs no answer of it."""

from __future__ import annotations

import base64
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fleetdiag.aws import Aws, Call, Trouble, ask, lines, unix_time
from fleetdiag.model import CloudConsole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SERVICE = "EC2"
AT_ONCE = 10
MAX_CONSOLE_BYTES = 64 << 10
"""EC2 keeps no more itself (EC2 API reference, GetConsoleOutput)."""
_NO_LATEST = frozenset({"UnsupportedOperation", "Unsupported"})
"""What EC2 says where the type cannot give the latest output: those not built on Nitro."""


def consoles(
    instance_ids: Mapping[str, tuple[str, str]], deadline_s: float, *, aws: Aws | None = None
) -> tuple[dict[str, CloudConsole], tuple[str, ...]]:
    """Host -> the end of its console, and problems; hosts without any output are left out.

    `instance_ids` maps hosts to region and instance id: give only those that did not answer, as
    each costs a call (`AT_ONCE` at a time). Takes at most `deadline_s`; what came until then is
    given.
    """
    deadline = time.monotonic() + deadline_s
    account = aws or Aws()
    calls = [_call(account, region, its_id) for region, its_id in instance_ids.values()]
    given = ask(calls, deadline, at_once=AT_ONCE)
    if aws is None:
        account.close()
    found = {
        host: console
        for host, console in zip(instance_ids, given, strict=True)
        if isinstance(console, CloudConsole) and console.output
    }
    return found, _problems([each for each in given if isinstance(each, Trouble)])


def _problems(troubles: Sequence[Trouble]) -> tuple[str, ...]:
    """Each trouble once, with how many hosts have it; ids, which differ in each, are not in it."""
    alike = [
        replace(each, text="no such instance")
        if each.code.startswith("InvalidInstanceID")
        else each
        for each in troubles
    ]
    counts = Counter(each.text for each in alike)
    return tuple(
        f"{line}; no console of {count} host{'s' if count > 1 else ''}"
        for line, count in zip(lines(alike), counts.values(), strict=True)
    )


def _is_gone(trouble: Trouble) -> bool:
    return trouble.code.startswith("InvalidInstanceID")


def _call(aws: Aws, region: str, its_id: str) -> Call[CloudConsole]:
    def run() -> CloudConsole:
        client = aws.client("ec2", region)
        _leave_encoded(client)
        answer = _latest(client, its_id)
        if not answer.get("InstanceId"):
            raise ValueError("there is no InstanceId in it")
        text = "".join(str(answer.get("Output") or "").split())
        data = base64.b64decode(text, validate=True)
        return CloudConsole(_end(data), unix_time(answer.get("Timestamp")))

    return Call(SERVICE, region, "GetConsoleOutput", run)


def _leave_encoded(client: Any) -> None:
    """Stop botocore from decoding the output: what it makes of bytes that are no UTF-8 is lost."""
    from botocore.handlers import decode_console_output

    client.meta.events.unregister("after-call.ec2.GetConsoleOutput", decode_console_output)


def _latest(client: Any, its_id: str) -> Mapping[str, Any]:
    """The output as it is now; where the type has none, as it was after the last start or stop."""
    from botocore.exceptions import ClientError

    try:
        answer: Mapping[str, Any] = client.get_console_output(InstanceId=its_id, Latest=True)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in _NO_LATEST:
            raise
        answer = client.get_console_output(InstanceId=its_id)
    return answer


def _end(data: bytes) -> bytes:
    """The last MAX_CONSOLE_BYTES, from the beginning of a line."""
    if len(data) <= MAX_CONSOLE_BYTES:
        return data
    cut = data[-MAX_CONSOLE_BYTES:]
    return cut[cut.find(b"\n") + 1 :]
