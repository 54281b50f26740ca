"""What Ansible and inventory scripts say on stderr, as one telling line for a message. Pure."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Unread:
    """A source that no inventory plugin could read."""

    source: str
    reason: str
    """One line; empty where none is given."""


_MESSAGE = re.compile(r"^(?:\[[A-Z ]+\]:|ERROR!)", re.MULTILINE)
"""What each message of Ansible's begins with: `[WARNING]:`, `[ERROR]:`, before 2.19 `ERROR!`."""
_FAILED = re.compile(
    r"(?:\* Failed to parse (?P<source>.+?) with (?P<plugin>\S+) plugin"
    r"|Failed to parse inventory with '(?P<plugin19>[^']+)' plugin): (?P<reason>.*)"
)
"""As ansible-core has it until 2.18 and since 2.19."""
_UNPARSED = re.compile(r"Unable to parse (?P<source>.+) as an inventory source")
_ORIGIN = re.compile(r"^Origin: (?P<place>/.+:\d+(:\d+)?)$", re.MULTILINE)
_SCRIPT = re.compile(r"^Standard error from inventory script:\n(?P<line>.+)", re.MULTILINE)
_OF_YAML = (".yaml", ".yml", ".json")
_ELSEWHERE = re.compile(
    r"no root 'plugin' key found|it should be a dictionary, got|Plugin configuration YAML file"
    r"|Invalid host pattern '[^']*:' supplied|Expected key=value host variable assignment"
)
"""A plugin says that the source is of another kind than it reads: of no use where another one knows
what is wrong."""


def unread_sources(stderr: str) -> Iterator[Unread]:
    """The sources that the complaints name, each with what the plugin that is for it says."""
    reasons: list[tuple[str, str]] = []
    named = False
    for message in _messages(stderr):
        flat = _unwrapped(_first_sentence(message))
        if failed := _FAILED.search(flat):
            plugin = failed["plugin"] or failed["plugin19"]
            reasons.append((plugin, failed["reason"] + _detail(message)))
        elif unparsed := _UNPARSED.search(flat):
            # Until 2.18 a directory is named after the sources in it.
            if reasons or not named:
                source = unparsed["source"]
                yield Unread(source, one_line(_best(source, reasons)))
            reasons, named = [], True


def _messages(stderr: str) -> Iterator[str]:
    starts = [match.start() for match in _MESSAGE.finditer(stderr)]
    for start, end in itertools.pairwise([*starts, len(stderr)]):
        yield stderr[start:end].strip()


def _unwrapped(text: str) -> str:
    """In one line; until 2.18 messages come wrapped at 79 columns, after hyphens too."""
    return " ".join(re.sub(r"(?<=\S)-\n", "-", text).split())


def _first_sentence(message: str) -> str:
    """The first paragraph, and the next where it ends in a colon: since 2.19 more follows."""
    first, second, *_ = [*message.split("\n\n"), ""]
    return f"{first} {second}" if first.rstrip().endswith(":") else first


def _detail(message: str) -> str:
    """Where in the source, and the first line of what a script said, where that is told."""
    script, origin = _SCRIPT.search(message), _ORIGIN.search(message)
    said = f" It said: {script['line'].strip()}" if script else ""
    return said + (f" ({origin['place']})" if origin else "")


def _best(source: str, reasons: Sequence[tuple[str, str]]) -> str:
    """The reason of the plugin that is for such a source; "" without any."""
    telling = [each for each in reasons if not _ELSEWHERE.search(each[1])]
    if not source.lower().endswith(_OF_YAML):
        telling = [each for each in telling if each[0] not in ("auto", "yaml")]
    return next((reason for _, reason in [*telling, *reversed(reasons)]), "")


def complaint(stderr: bytes) -> str:
    """The telling line of what a program wrote to stderr, in one line; never empty.

    Ansible's errors come first, then what is no warning; of a traceback it is the last line.
    """
    text = stderr.decode("utf-8", "replace")
    errors = [m for m in _messages(text) if m.startswith(("ERROR!", "[ERROR]"))]
    if errors:
        said = _first_sentence(errors[0].removeprefix("ERROR!").removeprefix("[ERROR]:"))
        return one_line(f"{said.strip().rstrip('.')}{_detail(errors[0])}")
    lines = [line for line in text.splitlines() if line.strip() and not _MESSAGE.match(line)]
    if not lines:
        return one_line(text) or "it said nothing"
    return one_line(lines[-1] if lines[0].startswith("Traceback ") else lines[0])


def ended(exit_code: int) -> str:
    """`exit code 3`, `signal 9`."""
    return f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"


_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


def one_line(text: str) -> str:
    """`text` for a message: in one line, without what steers a terminal, not too long."""
    plain = "".join(c if c.isprintable() else " " for c in _ESCAPES.sub("", text))
    flat = " ".join(plain.split())
    return flat if len(flat) <= MAX_REASON_CHARACTERS else f"{flat[: MAX_REASON_CHARACTERS - 1]}…"
