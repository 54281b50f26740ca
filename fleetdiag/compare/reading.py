"""One step's results -> what every host says there, as features; the way of an output.

bytes ─► lines, cleaned ─┬─► masked ─────────────► text, lines, log ─┬─► features ─► grouping
                         └─► keys, table, numbers ─► values masked ──┘
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from fleetdiag import rules
from fleetdiag.compare import auto
from fleetdiag.compare.evidence import shown_feature, shown_value
from fleetdiag.compare.features import EXIT_CODE, PRESENT, WHOLE, Cell, LongText, Unreadable
from fleetdiag.compare.generalise import Templates, learn
from fleetdiag.compare.group import VALUED, Answer
from fleetdiag.compare.linerules import LineRules
from fleetdiag.compare.linetable import EXACT, LineTable, whole_text
from fleetdiag.compare.mask import MASKED
from fleetdiag.compare.own import mask_outputs
from fleetdiag.compare.pool import NumberedLines, counted
from fleetdiag.compare.readers import STRUCTURED, read
from fleetdiag.compare.shapes import settle_lines, settle_lines_of, settle_text
from fleetdiag.model import Mode, Outcome, read_output

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fleetdiag.compare.contrast import Contrast
    from fleetdiag.compare.features import Feature, Features, Lines, Value
    from fleetdiag.compare.group import Settle
    from fleetdiag.compare.pool import Numbers
    from fleetdiag.model import Compare, Flag, HostResult, Step, StepResult

UNKNOWN_UPTIME_S = 86_400.0
"""Where no host says how long it is up (outputs from elsewhere), counters are of a day: comparable,
if not to the second."""
TELLING_MASKED = ("duration", "ipv4")
"""What masks hide of such a text and its shapes can use: numbers, and which line is which."""
MOST_UNKNOWN_LINES = 500
MOST_OTHERS = 0.2
"""Where no larger share says something else than the rest, the texts as they are tell enough."""
FEW_TIMES = 4
"""So many lines are masked where few are shown: some are nothing but masked."""
MAX_FACT_CHARS = 120
MAX_FACT_LINES = 2


@dataclass(frozen=True)
class Reading:
    """One step over all hosts, read."""

    step: Step
    compare: Compare
    """As chosen: never `auto`."""
    chosen: str
    """What `auto` knew the command as."""
    flags: tuple[Flag, ...]
    answers: tuple[Answer, ...]
    """In the run's order."""
    table: LineTable
    masks: tuple[str, ...]
    templates: Templates
    """Of a log: the events that its lines were generalised to."""

    def occurrences(self, host: str, events: Collection[str]) -> dict[str, tuple[str, str]]:
        """Of a log: event -> the first and the last line of it, as `host` gave them."""
        found: dict[str, tuple[str, str]] = {}
        numbers = self.table.numbers(host)
        for number, (line, raw) in zip(numbers, self.table.with_raw(host), strict=False):
            event = self.templates.text(number) or line
            if event in events:
                found[event] = found.get(event, (raw, raw))[0], raw
        return found

    @property
    def settle(self) -> Settle | None:
        """The second look at features without a majority; None where there is none."""
        if EXACT in self.compare.unmask or self.table.is_long:
            return None
        if self.is_unknown:
            return self._settle_unknown
        return {Mode.TEXT: settle_text, Mode.LINES: settle_lines}.get(self.compare.mode)

    @property
    def is_unknown(self) -> bool:
        """A text that nobody said anything about: its numbers are looked at, too."""
        unsaid = self.step.compare.mode is Mode.AUTO and not self.chosen
        return unsaid and self.compare.mode is Mode.TEXT and EXACT not in self.compare.unmask

    def _settle_unknown(self, features: Mapping[str, Features], found: Contrast) -> Contrast:
        """By lines with their durations, which masks hide; `found` where that settles nothing."""
        most = max(1.0, MOST_OTHERS * len(features))
        agreed = found.odd and not found.splits and len(found.odd) <= most
        if agreed or any(self.table.size(h) > MOST_UNKNOWN_LINES for h in features):
            return found
        return settle_lines_of(self.table.lines_with(features, *TELLING_MASKED), found)

    def lines(self, host: str, most: int | None = None) -> Lines:
        """What `host` said, as it is compared and shown: masked lines, or features with values.

        Args:
            host: one of the answers'.
            most: at most so many lines; None: all.
        """
        features = self._features_of.get(host)
        if features is None:
            return self.table.lines(host)[:most]
        if self.compare.mode is Mode.TEXT and WHOLE in features:
            if most is not None and isinstance(features[WHOLE], LongText):
                first = self.table.first_lines(host, FEW_TIMES * most)
                said = tuple(line for line in first if line != MASKED)[:most]
                if len(said) == most:
                    return said
            whole = str(features[WHOLE])
            return tuple(whole.split("\n")[:most]) if whole else ()
        if self.compare.mode is Mode.LINES:
            return tuple(sorted(_pair(*f) for f in features.items() if f[0] != EXIT_CODE))[:most]
        some = islice(features.items(), most)
        return tuple(_pair(*item) for item in some if item[0] != EXIT_CODE)

    def facts(self) -> Mapping[str, str]:
        """Host -> the whole answer, of steps that answer in a line or two: what hosts may share."""
        if self.compare.mode not in {Mode.TEXT, Mode.LINES} or self.step.sets:
            return {}  # what a step sets is an attribute already
        return {
            answer.host: "; ".join(self.lines(answer.host))
            for answer in self.answers
            if answer.features is not None and self._is_short(answer.features)
        }

    def _is_short(self, features: Features) -> bool:
        whole = features.get(WHOLE)
        if isinstance(whole, LongText):
            return False
        text = str(whole) if whole is not None else "\n".join(map(str, features))
        return 0 < len(text) <= MAX_FACT_CHARS and text.count("\n") < MAX_FACT_LINES

    @cached_property
    def _features_of(self) -> dict[str, Features]:
        return {a.host: a.features for a in self.answers if a.features is not None}

    def last_line(self, host: str) -> str:
        """The last line that `host` printed; empty where it printed none."""
        return next((line for line in reversed(self.table.lines(host)) if line), "")


def read_step(
    step: Step,
    results: Mapping[str, StepResult],
    hosts: Mapping[str, HostResult],
    names: Mapping[str, tuple[str, ...]],
) -> Reading:
    """What the hosts of `results` say in `step`.

    Args:
        step: as in the playbook.
        results: host -> its result.
        hosts: host -> all of its result, for its uptime.
        names: host -> its own names (`own_names`).
    """
    valued = [host for host, result in results.items() if result.outcome in VALUED]
    chosen = auto.choose(step, lambda: _sample(results, valued))
    compare = chosen.compare
    flags = (*step.flags, *(flag for name in chosen.rules for flag in rules.load(name)))
    streams = {host: (result.stdout, result.stderr) for host, result in results.items()}
    table = LineTable(streams, compare, LineRules(flags), names)
    found = _Found(table, compare, results)
    if compare.mode in STRUCTURED:
        uptimes = {host: hosts[host].facts.uptime_s for host in valued}
        if all(uptime_s is None for uptime_s in uptimes.values()):
            uptimes = dict.fromkeys(valued, UNKNOWN_UPTIME_S)
        found.read_structure(uptimes, names)
    elif compare.mode is not Mode.IGNORE:
        table.mask(valued)
        found.read_lines(valued)
    answers = tuple(found.answer(host, result) for host, result in results.items())
    return Reading(step, compare, chosen.name, flags, answers, table, found.masks, found.templates)


class _Found:
    """The features of one step, host by host."""

    def __init__(
        self, table: LineTable, compare: Compare, results: Mapping[str, StepResult]
    ) -> None:
        self._table = table
        self._compare = compare
        self._results = results
        self._features: dict[str, Features] = {}
        self._unreadable: dict[str, str] = {}
        self.masks: tuple[str, ...] = ()
        self.templates = Templates()

    def answer(self, host: str, result: StepResult) -> Answer:
        unread = self._unreadable.get(host)
        return Answer(
            host=host,
            outcome=result.outcome if unread is None else Outcome.UNPARSED,
            command=result.command,
            exit_code=result.exit_code,
            reason=result.reason if unread is None else unread,
            features=self._features.get(host),
        )

    # ------------------------------------------------------------------------------ lines

    def read_lines(self, hosts: list[str]) -> None:
        self.masks = self._table.masks
        cap = self._shortest_cut(hosts)
        if self._compare.mode is Mode.LOG:
            self._read_log(hosts, cap)
            return
        shared: dict[object, Features] = {}
        for host in hosts:
            cut = self._cut(host, cap)
            alike = (self._table.alike(host), cut, self._exit_code(host))
            if alike not in shared:
                shared[alike] = self._of_lines(host, cut)
            self._features[host] = shared[alike]

    def _read_log(self, hosts: list[str], cap: int | None) -> None:
        """How often each event is there; of cut logs, that it is."""
        counts: dict[tuple[int, int | None], tuple[Numbers, Numbers]] = {}
        keys = {host: (id(self._table.numbers(host)), self._cut(host, cap)) for host in hosts}
        texts = self._table.texts
        blank = next((number for number, text in enumerate(texts) if not text), -1)
        for host, key in keys.items():
            if key not in counts:
                counts[key] = self._counted(host, key[1], blank)
        if EXACT not in self._compare.unmask:
            self.templates = learn(texts, [counts[key][0] for key in keys.values()])
            texts = self.templates.texts or texts
            for key, (numbers, times) in counts.items():
                counts[key] = self.templates.applied(numbers, times) or (numbers, times)
        shared: dict[object, Features] = {}
        for host, key in keys.items():
            alike = (key, self._exit_code(host))
            if alike not in shared:
                shared[alike] = NumberedLines(texts, *counts[key], self._more(host))
            self._features[host] = shared[alike]

    def _counted(self, host: str, cut: int | None, blank: int) -> tuple[Numbers, Numbers]:
        """The lines of a log but the one numbered `blank`, each once, and how often it is there."""
        lines = self._table.numbers(host)
        numbers, times = counted(lines if cut is None else lines[:cut])
        if blank in numbers:
            place = numbers.index(blank)
            del numbers[place], times[place]
        return numbers, times if cut is None else array("I", [1]) * len(numbers)

    def _of_lines(self, host: str, cut: int | None) -> Features:
        if self._table.is_long:
            return {WHOLE: self._table.long_text(host, cut), **self._more(host)}
        numbers, texts = self._table.numbers(host)[:cut], self._table.texts
        if self._compare.mode is Mode.TEXT:
            return {WHOLE: whole_text(map(texts.__getitem__, numbers)), **self._more(host)}
        said = array("I", (n for n in dict.fromkeys(numbers) if texts[n] not in {"", MASKED}))
        return NumberedLines(texts, said, None, self._more(host))

    def _cut(self, host: str, cap: int | None) -> int | None:
        """How many lines of a cut output count: all but its last, as all cut ones have them."""
        if self._results[host].outcome is not Outcome.TRUNCATED:
            return None
        return min(cap or 0, max(0, self._table.size(host) - 1))

    def _shortest_cut(self, hosts: list[str]) -> int | None:
        """Whole lines that every cut output has: where the cut falls is no difference."""
        cut = [
            self._table.size(host) - 1
            for host in hosts
            if self._results[host].outcome is Outcome.TRUNCATED
        ]
        return max(0, min(cut)) if cut else None

    # -------------------------------------------------------------------------- structure

    def read_structure(
        self, uptimes: Mapping[str, float | None], names: Mapping[str, tuple[str, ...]]
    ) -> None:
        shared: dict[object, Features | str] = {}
        plain: dict[str, Features] = {}
        for host, uptime_s in uptimes.items():
            key = (self._table.identity(host), uptime_s, self._exit_code(host))
            if key not in shared:
                shared[key] = self._structure(host, uptime_s)
            got = shared[key]
            if isinstance(got, str):
                self._unreadable[host] = got
            else:
                plain[host] = got
        self._features, self.masks = _masked(plain, names, self._compare)

    def _structure(self, host: str, uptime_s: float | None) -> Features | str:
        stdout, stderr = self._table.cleaned(host)
        features: dict[Feature, Value] = {}
        if stdout or not stderr:
            try:
                features.update(read(self._compare, stdout, uptime_s))
            except Unreadable as error:
                return str(error)
        features.update((f"stderr: {line}", PRESENT) for line in stderr if line)
        return self._with_exit_code(host, features)

    # ------------------------------------------------------------------------- exit codes

    def _exit_code(self, host: str) -> int | None:
        result = self._results[host]
        return result.exit_code if result.outcome is Outcome.FAILED else None

    def _with_exit_code(self, host: str, features: Features) -> Features:
        more = self._more(host)
        return {**features, **more} if more else features

    def _more(self, host: str) -> Features:
        """What is compared besides the output."""
        code = self._exit_code(host)
        return {} if code is None else {EXIT_CODE: str(code)}


def _sample(results: Mapping[str, StepResult], valued: list[str]) -> Lines:
    """The lines of the first host that printed some."""
    from fleetdiag.compare.clean import clean_lines

    said = next((results[host].stdout for host in valued if results[host].stdout), b"")
    return clean_lines(read_output(said)[:65536])


def _masked(
    features: Mapping[str, Features], names: Mapping[str, tuple[str, ...]], compare: Compare
) -> tuple[dict[str, Features], tuple[str, ...]]:
    """`features` with their row names and texts masked; numbers stay."""
    if EXACT in compare.unmask:
        return dict(features), ()
    texts = {host: tuple(_texts(found)) for host, found in features.items()}
    masked = mask_outputs(texts, names, compare)
    shared: dict[tuple[int, Lines], Features] = {}
    for host, found in features.items():
        key = (id(found), masked.lines[host])
        if key not in shared:
            shared[key] = _with_texts(found, masked.lines[host])
    return {
        host: shared[id(found), masked.lines[host]] for host, found in features.items()
    }, masked.masks


def _texts(features: Features) -> list[str]:
    """Names and text values, in order; a cell's row name only (its column is the header's)."""
    texts: list[str] = []
    for feature, value in features.items():
        texts.append(feature.row if isinstance(feature, Cell) else feature)
        if isinstance(value, str):
            texts.append(value)
    return texts


def _with_texts(features: Features, masked: Lines) -> Features:
    """`features` with the masked texts in place; rows that masks made alike are one."""
    texts = iter(masked)
    found: dict[Feature, Value] = {}
    several: dict[Feature, dict[str, None]] = {}
    for feature, value in features.items():
        name = next(texts)
        if name == MASKED:
            if isinstance(value, str):
                next(texts)
            continue
        key: Feature = Cell(name, feature.column) if isinstance(feature, Cell) else name
        new = next(texts) if isinstance(value, str) else value
        if isinstance(found.get(key), str) and isinstance(new, str):
            several.setdefault(key, {str(found[key]): None})[new] = None
        else:
            found[key] = new
    found.update((key, ", ".join(sorted(some))) for key, some in several.items())
    return found


def _pair(feature: Feature, value: Value) -> str:
    name = shown_feature(feature)
    if value == PRESENT or isinstance(value, int):
        return name
    return f"{name} = {shown_value(value)}"
