"""Step -> how it is compared, and what it was known as.

The step's commands count first, then its name where it has no commands, then the looks of an
output. A command's output can have several forms (`df`, `df -i`); the sample says which it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fleetdiag.compare.auto import disks, load, logs, network, settings, software, system
from fleetdiag.compare.auto.command import Call, parse_command
from fleetdiag.compare.auto.names import call_of, file_slug, slug, without_number
from fleetdiag.compare.auto.sniff import sniff, sniff_command
from fleetdiag.model import Compare, Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from fleetdiag.compare.auto.form import Entry, Form, Forms
    from fleetdiag.compare.features import Lines
    from fleetdiag.model import Field, Step

_PROGRAMS: Mapping[str, Entry] = {
    **logs.PROGRAMS,
    **load.PROGRAMS,
    **disks.PROGRAMS,
    **network.PROGRAMS,
    **system.PROGRAMS,
    **software.PROGRAMS,
    **settings.PROGRAMS,
}
_FILES: Mapping[str, Forms] = {
    **load.FILES,
    **disks.FILES,
    **network.FILES,
    **system.FILES,
    **software.FILES,
    **settings.FILES,
}
_FILES_BY_SLUG: Mapping[str, Forms] = {
    short: forms
    for path, forms in _FILES.items()
    for short in (slug(path), slug(path).removeprefix("proc-"))
}
_TEXT = Compare(mode=Mode.TEXT)
_OPTIONS = (
    *("dmesg", "journalctl", "uptime", "ps aux", "ps -ef", "ps -eo comm", "vmstat", "ip addr"),
    *(
        "ip route",
        "ip neigh",
        "ip link",
        "ss -tuln",
        "netstat -tuln",
        "ethtool -S eth0",
        "ethtool x",
    ),
    *("mount", "lsblk", "ls", "ls -l", "timedatectl", "chronyc tracking", "chronyc sources"),
    *("ntpq -p", "lscpu", "lspci", "smartctl -a", "rpm -qa", "dpkg -l", "dpkg --get-selections"),
    *("pip list", "systemctl", "systemctl --failed", "systemctl list-unit-files"),
    *(
        "systemctl status x",
        "systemctl show x",
        "docker ps",
        "crontab -l",
        "sysctl -a",
        "cat /etc/x",
    ),
    *("dpkg-query -W", "apk info", "ps aux --sort=-rss", "vmstat -s", "vmstat -d", "iostat -x"),
    *("du x", "mdadm -D x", "ipmitool sdr", "ipmitool sel list"),
    *("loginctl", "bridge link", "conntrack -S", "conntrack -C", "ethtool -m x", "nft list x"),
    *("zpool list", "zpool status", "zfs list", "btrfs fi df", "nvme list", "nvme smart-log"),
    *("hdparm -t", "hdparm -I", "find -ls", "find x", "timedatectl timesync-status"),
    *("auditctl -s", "docker images", "docker info", "crictl ps", "crictl images"),
    *("kubectl get nodes", "kubectl get pods", "systemctl list-timers", "docker stats"),
    *("yum list", "cat /etc/crontab", "sysctl fs.file-nr"),
    *("cat /sys/class/net/x/statistics/rx_errors", "cat /sys/class/thermal/thermal_zone0/temp"),
)
"""Commands whose forms hang on their options."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """How a step is compared."""

    compare: Compare
    """Its mode is never `auto`."""
    rules: tuple[str, ...] = ()
    """Rule sets that go with it."""
    name: str = ""
    """What it is known as; empty where it is not, or the playbook names the mode."""


def choose(step: Step, sample: Lines | Callable[[], Lines]) -> Chosen:
    """How `step` is compared: as it says, or for `auto` as the table says, else as text.

    The step's own masks are joined to the table's; its own key, columns and fields go before them.

    Args:
        step: its commands and name count.
        sample: the cleaned lines of one host's output, or what gives them: called once at most, and
            only where they are needed.
    """
    if step.compare.mode is not Mode.AUTO:
        return Chosen(step.compare)
    look = _Look(sample)
    form = _by_commands(step.commands, look) if step.commands else _by_name(step.name, look)
    form = form or sniff(look.lines) or _by_looks(look)
    if form is None:
        return Chosen(_joined(_TEXT, step.compare))
    return Chosen(_joined(form.compare, step.compare), form.rules, form.name)


class _Look:
    """The sample, fetched when it is first looked at."""

    def __init__(self, sample: Lines | Callable[[], Lines]) -> None:
        self._sample = sample

    @property
    def lines(self) -> Lines:
        if not isinstance(self._sample, tuple):
            self._sample = self._sample()
        return self._sample

    def first(self, forms: Iterable[Form]) -> Form | None:
        """The first that fits; without any lines, the first."""
        found = tuple(forms)
        if len(found) == 1 and not found[0].looks:
            return found[0]
        if not self.lines:
            return next(iter(found), None)
        return next((form for form in found if form.fits(self.lines)), None)


def known_forms() -> Iterator[Form]:
    """Every form of the table that does not hang on options, for the documentation and tests."""
    for entry in (*_PROGRAMS.values(), *_FILES.values(), *logs.NAMES.values()):
        if not callable(entry):
            yield from entry
    for command in _OPTIONS:
        yield from _forms(parse_command(command))


# ------------------------------------------------------------------------- by the command


def _by_commands(commands: tuple[str, ...], look: _Look) -> Form | None:
    """The form of the first command whose output the sample can be."""
    known = [_forms(parse_command(command)) for command in commands]
    kept = [forms if all(known[:place]) else _telling(forms) for place, forms in enumerate(known)]
    return look.first(_told_apart(kept))


def _told_apart(by_command: list[Forms]) -> list[Form]:
    """All forms, those with looks first: a form that anything fits leaves nothing to the others."""
    forms = [form for some in by_command for form in some]
    return [*_telling(tuple(forms)), *(form for form in forms if not form.looks)]


def _telling(forms: Forms) -> Forms:
    return tuple(form for form in forms if form.looks)


def _forms(call: Call | None) -> Forms:
    if call is None:
        return ()
    if call.files:
        found = {forms for path in call.files if (forms := _file_forms(path))}
        return found.pop() if len(found) == 1 else ()
    entry = _PROGRAMS.get(call.program, ())
    return entry(call) if callable(entry) else entry


def _file_forms(path: str) -> Forms:
    if path in _FILES:
        return _FILES[path]
    if path.startswith("/var/log/"):
        form = logs.log_file(path)
        return () if form is None else (form,)
    if path.startswith("/sys/"):
        form = settings.sys_file(path)
        return () if form is None else (form,)
    return (settings.etc_file(path),) if path.startswith("/etc/") else ()


# ---------------------------------------------------------------------------- by the name


def _by_name(name: str, look: _Look) -> Form | None:
    """The form of the command the name stands for; the sample must look like it."""
    for candidate in dict.fromkeys((name, without_number(name))):
        forms = _named_forms(candidate)
        if forms and (form := look.first(forms)):
            return form
    return None


def _named_forms(name: str) -> Forms:
    short, of_file = slug(name), file_slug(name)
    if short in logs.NAMES:
        return logs.NAMES[short]
    if of_file in _FILES_BY_SLUG:  # `vmstat` is a program and a file of /proc.
        return (*_FILES_BY_SLUG[of_file], *_telling(_forms(call_of(name))))
    if of_file.startswith("var-log-"):
        form = logs.log_file("/var/log/" + of_file.removeprefix("var-log-"))
        return () if form is None else (form,)
    if of_file.startswith("etc-"):
        return (settings.etc_file("/etc/" + of_file.removeprefix("etc-")),)
    return _forms(call_of(name))


# --------------------------------------------------------------------------- by the looks


def _by_looks(look: _Look) -> Form | None:
    """The form of the command whose output the sample looks like."""
    command = sniff_command(look.lines)
    return look.first(_forms(parse_command(command))) if command else None


# -------------------------------------------------------------------------------- results


def _joined(known: Compare, own: Compare) -> Compare:
    """The table's comparison with what the step itself says."""
    return replace(
        known,
        mask=(*known.mask, *own.mask),
        unmask=tuple(dict.fromkeys((*known.unmask, *own.unmask))),
        parse=own.parse or known.parse,
        key=own.key or known.key,
        only=own.only or known.only,
        fields=own.fields or known.fields,
    )


def describe(chosen: Chosen) -> str:
    """What was chosen, for people: `df: table by column 6, Use% as a number`."""
    compare = chosen.compare
    parts = [_what(compare), *_numbers(compare.fields, compare.mode)]
    if chosen.rules:
        parts.append(f"rules {', '.join(chosen.rules)}")
    told = ", ".join(parts)
    return f"{chosen.name}: {told}" if chosen.name else told


def _what(compare: Compare) -> str:
    if compare.mode is Mode.IGNORE:
        return "not compared"
    if compare.mode is not Mode.TABLE:
        return compare.mode.value
    columns = (
        [_column(name) for name in compare.key.split("+")] if compare.key else ["first column"]
    )
    return f"table by {' and '.join(columns)}"


def _column(name: str) -> str:
    return f"column {name}" if name.isdigit() else name


def _numbers(fields: tuple[Field, ...], mode: Mode) -> list[str]:
    compared = [field.name for field in fields if field.compare]
    if not compared:
        return []
    shown = compared if len(compared) <= 4 else [*compared[:3], f"{len(compared) - 3} more"]
    if mode is Mode.NUMBERS:
        return [f"of {', '.join(shown)}"]
    return [f"{', '.join(shown)} as {'a number' if len(compared) == 1 else 'numbers'}"]
