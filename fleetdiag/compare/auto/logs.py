"""Logs: kernel, journal, syslog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.compare.auto.form import Form, Forms, ignored, log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetdiag.compare.auto.command import Call
    from fleetdiag.compare.auto.form import Entry

KERNEL = "kernel"
"""The rule set for what the kernel says."""

_DMESG = (log("dmesg", KERNEL),)
_SYSLOG = (log("syslog", KERNEL),)
_OF_UNITS = ("-u", "-t", "--unit", "--user-unit", "--identifier", "--facility")
_NO_LOG = (
    "--list-boots",
    "--disk-usage",
    "--verify",
    "--header",
    "--fields",
    "--field",
    "-F",
    "-N",
    "--version",
    "--list-catalog",
)
_STRUCTURED = ("json", "export", "verbose")


def _dmesg(call: Call) -> Forms:
    return () if call.has("-J", "--json", "-c", "-C", "--clear") else _DMESG


def _journal(call: Call) -> Forms:
    if call.has("--list-boots"):
        return (ignored("journalctl --list-boots"),)
    output = call.value("-o", "--output")
    if call.has(*_NO_LOG) or output.startswith(_STRUCTURED):
        return ()
    of_units = not call.has("-k", "--dmesg") and call.has(*_OF_UNITS)
    return (log("journalctl"),) if of_units else (log("journalctl", KERNEL),)


PROGRAMS: Mapping[str, Entry] = {
    "dmesg": _dmesg,
    "journalctl": _journal,
    "logread": _SYSLOG,
}

NAMES: Mapping[str, Forms] = {
    "journal": (log("journalctl", KERNEL),),
    **dict.fromkeys(("console", "console-output", "console-log", "serial-console"), _DMESG),
    **dict.fromkeys(("kernel-log", "kernlog", "kern", "kmsg"), _DMESG),
    **dict.fromkeys(("messages", "syslog"), _SYSLOG),
}
"""Steps and files called so are logs."""


def log_file(path: str) -> Form | None:
    """How a file below /var/log is compared; None for what is no text."""
    name = path.removeprefix("/var/log/").removesuffix(".gz")
    first = name.partition("/")[2] or name
    if first.startswith(("wtmp", "btmp", "lastlog", "utmp", "faillog")) or "journal/" in name:
        return None
    kind = first.partition(".")[0].partition("-")[0]
    if kind in {"dmesg", "kern", "boot"}:
        return log("dmesg", KERNEL)
    return log("syslog", KERNEL) if kind in {"syslog", "messages"} else log("log")
