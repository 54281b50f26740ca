"""What can be broken on a running host: each fault is really made, and returns what undoes it.

A fault is a function of the host and its own named values, in one of the modules here; its
docstring's first line is what `python -m tests.fleet faults` prints. To add one, write it and put
it into `FAULTS` (and a line into docs/test-fleet.md, which a test compares).
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping

from tests.fleet.faults import files, kernel, logins, packets, processes
from tests.fleet.host import RunningHost, Undo
from tests.fleet.spec import FleetError

Fault = Callable[..., Undo]
Value = str | int | float


def make_fault(host: RunningHost, name: str, values: Mapping[str, Value]) -> None:
    """Break the host as `name` says and remember how to undo it; raises FleetError."""
    fault = find_fault(name)
    checked = _checked(fault, name, values)
    title = " ".join([name, *(f"{key}={value}" for key, value in checked.items())])
    if title in host.undo:
        raise FleetError(f"{host.name}: {title} is in force already: heal it first")
    host.undo[title] = fault(host, **checked)


def find_fault(name: str) -> Fault:
    """The function of that name; raises FleetError listing the known ones."""
    try:
        return FAULTS[name]
    except KeyError:
        raise FleetError(f"fault {name!r}: expected one of {', '.join(FAULTS)}") from None


def heal(host: RunningHost) -> None:
    """Undo every fault, the last first, and let stuck processes go."""
    while host.undo:
        _title, undo = host.undo.popitem()
        undo()
    processes.release_stuck(host)


def survives_reboot(title: str) -> bool:
    """Whether a fault in force was made in files of the host's disk: what else there is ends with
    the host's processes and its kernel."""
    return title.split()[0] in _ON_DISK


def describe(name: str) -> str:
    """One line: the fault's values with their defaults, and what it does."""
    fault = FAULTS[name]
    values = list(inspect.signature(fault).parameters.values())[1:]
    shown = " ".join(
        f"{one.name}=…" if one.default is one.empty else f"[{one.name}={one.default}]"
        for one in values
    )
    about = (fault.__doc__ or "").splitlines()[0]
    return f"{name} {shown}".rstrip() + f": {about}"


def _checked(fault: Fault, name: str, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values in the types the fault wants (a command line has only text)."""
    types = typing.get_type_hints(fault)
    try:
        inspect.signature(fault).bind(None, **values)
        return {key: types[key](value) for key, value in values.items()}
    except (TypeError, ValueError) as error:
        raise FleetError(f"{name}: {error}; expected {describe(name)}") from error


FAULTS: Mapping[str, Fault] = {
    function.__name__.replace("_", "-"): function
    for function in (
        packets.blackhole,
        packets.reject,
        packets.no_route,
        packets.private,
        packets.iface_down,
        logins.silent,
        logins.kill_sshd,
        logins.drop_sessions,
        logins.changed_key,
        logins.deny_key,
        logins.max_sessions,
        logins.max_startups,
        logins.sshd_option,
        files.file,
        files.full_disk,
        files.read_only,
        files.sysctl,
        processes.stuck,
        processes.freeze,
        processes.stop_unit,
        processes.fail_unit,
        processes.run,
        kernel.kernel_panic,
        kernel.oom,
        kernel.kernel_log,
    )
}
_ON_DISK = frozenset(
    ("changed-key", "deny-key", "max-sessions", "max-startups", "sshd-option", "file", "stuck")
)
