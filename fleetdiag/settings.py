"""Settings: defaults, then the settings file, then the environment, then flags; the last one wins.

The file is `${XDG_CONFIG_HOME:-~/.config}/fleetdiag/settings.toml`, flat: `fanout = 32`. The
environment variable of a setting is its name in capitals after `FLEETDIAG_`. Who logs in where is
not here: that is the inventory's.

Knows nothing of click, of hosts or of playbooks.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetdiag.errors import Problem, SettingsError
from fleetdiag.model import DEFAULT_FANOUT, Limits, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ENVIRONMENT_PREFIX = "FLEETDIAG_"
MAX_URL_CHARS = 2000
OTHER_VARIABLES = ("FLEETDIAG_INVENTORY",)
"""Ours, but not settings; known here so that no misspelling of them goes unnoticed."""


class Format(StrEnum):
    """What a report is written as."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its value, and where each value came from."""

    fanout: int = DEFAULT_FANOUT
    """Hosts at once."""
    processes: int | None = None
    """How many run the hosts; 1: this one alone; None: by the number of hosts and of cores."""
    on: str | None = None
    """Whose machines run the hosts: `dask`, `dask://HOST:PORT`, …; None: this one."""
    connect_timeout_s: float = Limits().connect_s
    """TCP connection to one host."""
    deadline_s: float | None = None
    """The whole run; None: no limit."""
    save: Path | None = None
    """Where runs are stored; None: the archive's own place in the user's state directory."""
    format: Format = Format.TABLE
    fail_on: Severity = Severity.WARNING
    """The least severity that makes the exit code 1."""
    progress: bool = True
    """Show progress on stderr."""
    ssh_config: Path | None = None
    """Read instead of `~/.ssh/config`; None: that one."""
    status_feeds: tuple[tuple[str, str], ...] = ()
    """Status pages to ask, each its name and its address; none: nobody is contacted."""
    ec2_regions: tuple[str, ...] = ()
    """Where EC2 is asked for hosts by their addresses; those of an `ec2:` inventory need none."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Setting -> `default`, `/home/ada/.config/fleetdiag/settings.toml:3`, `$FLEETDIAG_FANOUT` or
    `--fanout`."""


class OneOfSeveralError(ValueError):
    """One of a setting's several values is wrong; its text shows which one, and says why."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What values a setting takes."""

    expected: str
    """For messages: `a whole number, 1 or more`."""
    types: tuple[type, ...]
    """What TOML must have made of it."""
    read: Callable[[Any], Any]
    """From such a value, or from the text of an environment variable; raises ValueError.

    The text of an OneOfSeveralError is shown as it is.
    """


def _whole(raw: int | str) -> int:
    number = int(raw)
    if number < 1:
        raise ValueError(number)
    return number


def _seconds(raw: float | str) -> float:
    number = float(raw)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(number)
    return number


def _switch(raw: bool | str) -> bool:
    if isinstance(raw, bool):
        return raw
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    if raw.lower() not in words:
        raise ValueError(raw)
    return words[raw.lower()]


def _on(raw: str) -> str:
    if not re.fullmatch(r"dask|dask(\+tls)?://[^\s/@]+:\d+", raw):
        raise ValueError(raw)
    return raw


def _path(raw: str) -> Path:
    if not raw or "\0" in raw:
        raise ValueError(raw)
    return Path(raw).expanduser()


def _feeds(raw: list[object] | str) -> tuple[tuple[str, str], ...]:
    """`NAME=URL` or `URL` each, in a text apart by spaces or commas -> names and addresses."""
    entries = re.split(r"[\s,]+", raw.strip(" ,\t\n")) if isinstance(raw, str) else raw
    return tuple(dict.fromkeys(_feed(entry) for entry in entries))


def _feed(entry: object) -> tuple[str, str]:
    if not isinstance(entry, str):
        raise OneOfSeveralError(_shown(entry))
    # A bare address may well have a `=` in its query.
    is_named = re.match(r"[^=:/]*=", entry) is not None
    name, url = entry.split("=", 1) if is_named else ("", entry)
    name, url = name.strip(), url.strip()
    host = _checked_host(url)
    if is_named and not re.fullmatch(r"\w[\w.+ -]{0,39}", name):
        why = "a name has up to 40 letters, digits, spaces and . + - _"
        raise OneOfSeveralError(f"{_shown(entry)}: {why}")
    return name or host, url


def _checked_host(url: str) -> str:
    """The host of an address that can be asked; raises OneOfSeveralError."""
    from urllib.parse import urlsplit

    if "@" in url:
        # Not shown: what stands before it may be a password.
        raise OneOfSeveralError("one with an @: no user and no password may stand in an address")
    if not (url.isascii() and url.isprintable()) or " " in url or len(url) > MAX_URL_CHARS:
        why = f"an address has up to {MAX_URL_CHARS} ASCII characters and no spaces"
        raise OneOfSeveralError(f"{_shown(url)}: {why}")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise OneOfSeveralError(f"{_shown(url)}: {error}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise OneOfSeveralError(_shown(url))
    return host


def _one_of(choices: type[StrEnum]) -> Kind:
    *most, last = [choice.value for choice in choices]
    return Kind(f"{', '.join(most)} or {last}", (str,), choices)


WHOLE = Kind("a whole number, 1 or more", (int,), _whole)
SECONDS = Kind("a number of seconds above 0", (int, float), _seconds)
SWITCH = Kind("true or false", (bool,), _switch)
ON = Kind("dask, dask://HOST:PORT or dask+tls://HOST:PORT", (str,), _on)
PATH = Kind("a path", (str,), _path)


def _regions(raw: list[object] | str) -> tuple[str, ...]:
    """`us-east-1 eu-west-1`, in a text apart by spaces or commas."""
    entries = re.split(r"[\s,]+", raw.strip(" ,\t\n")) if isinstance(raw, str) else raw
    for entry in entries:
        if not isinstance(entry, str) or not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d{1,2}", entry):
            raise OneOfSeveralError(_shown(entry))
    return tuple(dict.fromkeys(str(entry) for entry in entries))


REGIONS = Kind("a list of EC2 regions such as us-east-1", (list,), _regions)
FEEDS = Kind("a list of NAME=URL or URL, each http or https", (list,), _feeds)

KINDS: Mapping[str, Kind] = {
    "fanout": WHOLE,
    "processes": WHOLE,
    "on": ON,
    "connect_timeout_s": SECONDS,
    "deadline_s": SECONDS,
    "save": PATH,
    "format": _one_of(Format),
    "fail_on": _one_of(Severity),
    "progress": SWITCH,
    "ssh_config": PATH,
    "status_feeds": FEEDS,
    "ec2_regions": REGIONS,
}
"""Every setting; the same names as the fields of `Settings`."""


def variable(name: str) -> str:
    """The environment variable of a setting: `fanout` -> `FLEETDIAG_FANOUT`."""
    return ENVIRONMENT_PREFIX + name.upper()


def flag(name: str) -> str:
    """The long flag of a setting: `connect_timeout_s` -> `--connect-timeout`."""
    return "--" + name.removesuffix("_s").replace("_", "-")


def default(name: str) -> Any:
    """What a setting is where nobody says anything."""
    return next(f.default for f in fields(Settings) if f.name == name)


def settings_file(environ: Mapping[str, str]) -> Path:
    """Where the user's settings file is looked for; it need not exist."""
    home = environ.get("XDG_CONFIG_HOME", "")
    # The XDG specification: a relative path there is invalid and must be ignored.
    root = Path(home) if Path(home).is_absolute() else Path("~/.config").expanduser()
    return root / "fleetdiag" / "settings.toml"


def load_settings(
    flags: Mapping[str, object] | None = None, *, environ: Mapping[str, str] | None = None
) -> Settings:
    """The settings with their origins.

    `flags` maps settings to values already of the right type, None where a flag was not given.
    Raises SettingsError with every problem of the file and the environment, one a line.
    """
    environ = os.environ if environ is None else environ
    from_file, file_problems = _from_file(settings_file(environ))
    from_environment, variable_problems = _from_environment(environ)
    if problems := [*file_problems, *variable_problems]:
        raise SettingsError("\n".join(problems))
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    from_flags = {name: (value, flag(name)) for name, value in given.items()}
    from_defaults = {name: (default(name), "default") for name in KINDS}
    found = from_defaults | from_file | from_environment | from_flags
    origins = {name: origin for name, (_, origin) in found.items()}
    return Settings(**{name: value for name, (value, _) in found.items()}, origins=origins)


Found = dict[str, tuple[Any, str]]
"""Setting -> its value and its origin."""


def _from_file(path: Path) -> tuple[Found, list[str]]:
    """What the file sets, and what is wrong with it; nothing of either where there is no file."""
    import tomllib

    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except FileNotFoundError:
        return {}, []
    except OSError as error:
        return {}, [f"{path}: cannot be read: {error.strerror}"]
    except UnicodeDecodeError:
        return {}, [f"{path}: is not UTF-8 text"]
    except tomllib.TOMLDecodeError as error:
        return {}, [str(_syntax_problem(path, str(error)))]
    found: Found = {}
    problems: list[str] = []
    for key, raw in table.items():
        line = _line_of(key, text)
        try:
            value = _read(key, raw)
        except ValueError as error:
            problems.append(str(Problem(str(path), line, None, str(error))))
        else:
            # A relative path in a file means: beside that file, wherever the program is started.
            value = path.parent / value if isinstance(value, Path) else value
            found[key] = (value, f"{path}:{line}" if line else str(path))
    return found, problems


def _read(key: str, raw: object) -> Any:
    """The value of one key of the file; raises ValueError in words."""
    if key not in KINDS:
        raise ValueError(f"there is no setting {key!r}{_did_you_mean(key, KINDS)}")
    kind = KINDS[key]
    # By exact type: to isinstance, true is a whole number.
    wrong = _shown(raw)
    if type(raw) in kind.types:
        try:
            return kind.read(raw)
        except OneOfSeveralError as error:
            wrong = str(error)
        except ValueError:
            pass
    raise ValueError(f"{key} must be {kind.expected}, not {wrong}")


def _from_environment(environ: Mapping[str, str]) -> tuple[Found, list[str]]:
    """What `FLEETDIAG_…` variables set, and what is wrong with them; an empty one counts as unset.

    An unknown variable is refused only where it looks like a misspelled one: others may be some
    other program's.
    """
    variables = {variable(name): name for name in KINDS}
    found: Found = {}
    problems: list[str] = []
    for key, text in environ.items():
        if not key.startswith(ENVIRONMENT_PREFIX) or key in OTHER_VARIABLES or not text:
            continue
        if key not in variables:
            hint = _did_you_mean(key, [*variables, *OTHER_VARIABLES])
            problems += [f"${key} is not a variable of fleetdiag{hint}"] if hint else []
            continue
        kind = KINDS[variables[key]]
        try:
            found[variables[key]] = (kind.read(text), f"${key}")
        except ValueError as error:
            wrong = str(error) if isinstance(error, OneOfSeveralError) else _shown(text)
            problems.append(f"${key} must be {kind.expected}, not {wrong}")
    return found, problems


def _syntax_problem(path: Path, message: str) -> Problem:
    """The parser's complaint with its place, where it names one, moved to the front."""
    place = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    if place is None:
        return Problem(str(path), None, None, message)
    return Problem(str(path), int(place[1]), int(place[2]), message[: place.start()])


def _line_of(key: str, text: str) -> int | None:
    """The line where a top-level key or table stands; tomllib does not tell."""
    start = re.compile(rf"\s*\[*\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    lines = enumerate(text.splitlines(), start=1)
    return next((number for number, line in lines if start.match(line)), None)


def _shown(raw: object) -> str:
    """A value as one short word for a message."""
    text = str(raw).lower() if isinstance(raw, bool) else repr(raw)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _did_you_mean(word: str, known: Mapping[str, object] | list[str]) -> str:
    """`; did you mean 'fanout'?`, or nothing where no known word is near."""
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.75)
    return f"; did you mean {near[0]!r}?" if near else ""
