"""A case of the detection corpus -> the outputs of a fleet, the same ones every time.

A case is a directory with a `case.yaml` and maybe templates of its own; others are taken from
`_templates` beside it, or from the corpus' (`tests/compare/cases/_templates`). A template is the
output of a healthy host, where

    ${expression}          is a Python expression of the functions in `_Draws` and the variables
    ${expression;>8}       with a format
    %let name = expression      at the beginning of a line: a variable, drawn once for each output
    %maybe 0.7% line            the line is there on 70 % of the hosts
    %times 0 5% line            from none to five times, each with draws of its own
    %drift 3% line              up to three lines later on some hosts
    %if expression% line        as the variables have it
    %sorted                     as the first line: the others by their first 15 characters, a time

`case.yaml`:

    about: one of 12 web servers has its swappiness at 1
    hosts: web-[01-12]          # a number n means host-[01-n]; more patterns by commas
    steps: {sysctl: sysctl.txt} # or a list of names: the template of `df` is `df.txt`
    vars: {total: normal(16000, 3)}   # drawn once a host, before every `%let` of that name
    attributes: {zone: {a: "web-[01-06]", b: "web-[07-12]"}}
    fault:                      # one, or a list; also noise that no finding is expected of
      hosts: web-07
      step: sysctl
      vars: {used: "15000"}     # of those hosts, before those of the case
      replace: {"swappiness = .*": "swappiness = 1"}   # regular expressions, each must match
      delete: ^net              # the lines in which it is found, at least one
      after: {"regex": text}    # lines after the first that matches
      append: text              # lines at the end; `before` likewise at the beginning
      output: text              # instead of all
      stderr: text
      rc: 1
      cut: 400                  # so many bytes of it
      absent: true              # no files
    expect: {hosts: web-07, step: sysctl, severity: warning, mentions: [swappiness], mode: keys}
    # or `expect: silent`; each mention must be said, `a|b` is one or the other

Texts of faults are templates as well. Everything is drawn from the names of case, host and step.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CASES = Path(__file__).parents[1] / "compare" / "cases"
TEMPLATES = "_templates"
SORTED = "%sorted\n"
NOW = 1_773_144_000
"""Tuesday 2026-03-10 12:00:00 UTC: when every host was asked."""

_RANGE = re.compile(r"\[(\d+)-(\d+)\]")
_PLACE = re.compile(r"\$\{(.+?)(?:;([^{};]*))?\}")
_MARK = re.compile(r"%(let|maybe|times|drift|if) ([^%]+?)(?:% ?|$)")

Variables = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Expect:
    """The finding that has to be there."""

    hosts: frozenset[str]
    step: str
    severity: str
    mentions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """What `case.yaml` says."""

    path: Path
    about: str
    hosts: tuple[str, ...]
    steps: Mapping[str, str]
    mode: str
    expect: Expect | None
    """None for a healthy fleet."""
    variables: Variables = field(default_factory=dict)
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    faults: tuple[Mapping[str, Any], ...] = ()

    @property
    def name(self) -> str:
        return self.path.name


def names(directory: Path = CASES) -> list[str]:
    """The cases of a corpus, sorted."""
    return sorted(path.parent.name for path in directory.glob("*/case.yaml"))


def load(path: Path) -> Case:
    """The case in this directory."""
    said = yaml.safe_load((path / "case.yaml").read_text())
    steps = said["steps"]
    expect = None
    if said["expect"] != "silent":
        wanted = {"severity": "warning", "mentions": [], "mode": "", **said["expect"]}
        expect = Expect(
            frozenset(hosts_of(wanted["hosts"])),
            wanted["step"],
            wanted["severity"],
            tuple(str(each) for each in wanted["mentions"]),
        )
    return Case(
        path=path,
        about=said["about"],
        hosts=hosts_of(said["hosts"]),
        steps={each: f"{each}.txt" for each in steps} if isinstance(steps, list) else steps,
        mode=said["expect"]["mode"] if expect else "silent",
        expect=expect,
        variables={name: str(value) for name, value in said.get("vars", {}).items()},
        attributes=said.get("attributes", {}),
        faults=tuple(_listed(said.get("fault", []))),
    )


def hosts_of(pattern: str | int | Sequence[str]) -> tuple[str, ...]:
    """`web-[01-12],db-1` as names; a number is so many hosts."""
    if isinstance(pattern, int):
        pattern = f"host-[{1:0{len(str(pattern))}}-{pattern}]"
    parts = pattern.split(",") if isinstance(pattern, str) else pattern
    return tuple(name for part in parts for name in _names(part.strip()))


def _names(pattern: str) -> Iterator[str]:
    found = _RANGE.search(pattern)
    if found is None:
        yield pattern
        return
    for number in range(int(found[1]), int(found[2]) + 1):
        inner = f"{number:0{len(found[1])}}"
        yield from _names(pattern[: found.start()] + inner + pattern[found.end() :])


def expand(case_dir: Path, out_dir: Path) -> Case:
    """Write `out_dir/HOST/STEP.out` (`.err`, `.rc`) and `hosts.json`; the case."""
    case = load(case_dir)
    attributes: dict[str, dict[str, str]] = {host: {} for host in case.hosts}
    for name, values in case.attributes.items():
        for value, pattern in values.items():
            for host in hosts_of(pattern):
                attributes[host][name] = value
    out_dir.mkdir(parents=True, exist_ok=True)
    (out_dir / "hosts.json").write_text(json.dumps(attributes))
    matched: set[int] = set()
    for index, host in enumerate(case.hosts):
        (out_dir / host).mkdir(exist_ok=True)
        known = _Host(case, host, index)
        for step, template in case.steps.items():
            _write(out_dir / host / step, known.output(step, _template(case, template), matched))
    if missed := [fault for at, fault in enumerate(case.faults) if at not in matched]:
        raise ValueError(f"{case.name}: a fault is of no host or step: {missed}")
    return case


def _template(case: Case, name: str) -> str:
    own = (case.path, case.path.parent / TEMPLATES, CASES / TEMPLATES)
    for directory in own:
        if (directory / name).exists():
            return (directory / name).read_text()
    raise FileNotFoundError(f"{case.name}: no template {name}")


def _write(path: Path, said: _Output) -> None:
    if said.absent:
        return
    path.with_name(f"{path.name}.out").write_bytes(said.text.encode()[: said.cut])
    if said.stderr:
        path.with_name(f"{path.name}.err").write_text(said.stderr)
    if said.rc is not None:
        path.with_name(f"{path.name}.rc").write_text(f"{said.rc}\n")


def _listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


# ------------------------------------------------------------------------------ a host


@dataclass
class _Output:
    """One output on its way."""

    text: str
    stderr: str = ""
    rc: int | None = None
    cut: int | None = None
    absent: bool = False


class _Host:
    """One host of a case."""

    def __init__(self, case: Case, name: str, index: int) -> None:
        self.case, self.name = case, name
        rng = random.Random(f"{case.name}/{name}")
        mac = [0x52, 0x54, 0, *(rng.randrange(256) for _ in range(3))]
        self.variables: dict[str, Any] = {
            "host": name,
            "index": index,
            "ip": f"10.0.{8 + index // 200}.{11 + index % 200}",
            "mac": ":".join(f"{byte:02x}" for byte in mac),
            "boot": NOW - int(rng.uniform(20, 90) * 86_400),
        }
        for key, expression in case.variables.items():
            self.variables[key] = _Draws(rng, self.variables).value(expression)

    def output(self, step: str, template: str, matched: set[int]) -> _Output:
        """What the host says to this step, with its faults."""
        faults = []
        for at, fault in enumerate(self.case.faults):
            if self.name in hosts_of(fault["hosts"]) and fault["step"] == step:
                faults.append(fault)
                matched.add(at)
        rng = random.Random(f"{self.case.name}/{self.name}/{step}")
        draws = _Draws(rng, dict(self.variables))
        draws.fixed |= set(self.case.variables)
        for fault in faults:
            template = _edited(template, fault)
            draws.fixed -= set(fault.get("vars", {}))
        said = _Output(draws.text(template))
        for fault in faults:
            said.stderr = draws.text(fault.get("stderr", "")) or said.stderr
            said.rc = fault.get("rc", said.rc)
            said.cut = fault.get("cut", said.cut)
            said.absent = fault.get("absent", said.absent)
        return said


def _edited(template: str, fault: Mapping[str, Any]) -> str:
    """The template of a host with this fault: changed before anything is drawn."""
    if "output" in fault:
        return str(fault["output"])
    lines = template.splitlines()
    for pattern, text in fault.get("replace", {}).items():
        changed = [re.sub(pattern, str(text).rstrip("\n"), line) for line in lines]
        lines = _different(lines, changed, pattern)
    for pattern in _listed(fault.get("delete", [])):
        lines = _different(lines, [line for line in lines if not re.search(pattern, line)], pattern)
    for pattern, text in fault.get("after", {}).items():
        at = next((at for at, line in enumerate(lines) if re.search(pattern, line)), None)
        if at is None:
            raise ValueError(f"{pattern!r} matches no line")
        lines[at + 1 : at + 1] = str(text).splitlines()
    for name, expression in fault.get("vars", {}).items():
        let = f"%let {name} = {expression}"
        lines = [let if line.startswith(f"%let {name} = ") else line for line in lines]
        lines = lines if let in lines else [let, *lines]
    first = str(fault.get("before", "")).splitlines()
    return "\n".join([*first, *lines, *str(fault.get("append", "")).splitlines()])


def _different(lines: list[str], changed: list[str], pattern: str) -> list[str]:
    if changed == lines:
        raise ValueError(f"{pattern!r} changes no line")
    return changed


# ------------------------------------------------------------------------------- draws


class _Draws:
    """Random values of one output, and the templates' functions."""

    def __init__(self, rng: random.Random, variables: dict[str, Any]) -> None:
        self.rng, self.variables = rng, variables
        self.fixed: set[str] = set()
        """Variables that `%let` does not touch."""
        self.seconds = 0.0
        functions: Mapping[str, Callable[..., Any]] = {
            "int": rng.randint,
            "float": rng.uniform,
            "normal": lambda mean, sd: max(0, round(rng.gauss(mean, sd))),
            "real": lambda mean, sd: max(0.0, rng.gauss(mean, sd)),
            "lognormal": lambda median, sigma: round(median * rng.lognormvariate(0, sigma)),
            "pick": lambda *values: rng.choice(values),
            "hex": lambda digits: f"{rng.getrandbits(4 * digits):0{digits}x}",
            "uuid": self._uuid,
            "t": self._since_boot,
            "at": self._at,
            "wall": self._wall,
            "wall_at": lambda seconds: (self._at(seconds), self._wall(0.001))[1],
            "when": self._when,
            "round": round,
            "whole": int,
            "min": min,
            "max": max,
        }
        self.functions: dict[str, Any] = {"__builtins__": {}, "now": NOW, **functions}

    def text(self, template: str) -> str:
        """The template with everything drawn; every line ends with a newline."""
        lines: list[tuple[float, str]] = []
        in_time = template.startswith(SORTED)
        for place, line in enumerate(template.removeprefix(SORTED).splitlines()):
            lines += self._marked(place, line)
        filled = [self._filled(line) for _, line in sorted(lines, key=lambda it: it[0])]
        if in_time:
            filled.sort(key=lambda line: line[:15])
        return "".join(f"{line}\n" for line in filled)

    def value(self, expression: str) -> Any:
        """What the expression is worth; the corpus is ours, so `eval` sees nothing strange."""
        return eval(expression, self.functions, self.variables)

    def _marked(self, place: float, line: str) -> list[tuple[float, str]]:
        """The line where its marks have it, or not at all."""
        count = 1
        while found := _MARK.match(line):
            word, value, line = found[1], found[2].strip(), line[found.end() :]
            if word == "let":
                name, _, expression = value.partition("=")
                if name.strip() not in self.fixed:
                    self.variables[name.strip()] = self.value(expression.strip())
                return []
            if word == "maybe":
                count *= self.rng.random() < float(value)
            elif word == "times":
                low, _, high = value.partition(" ")
                count *= self.rng.randint(int(self.value(low)), int(self.value(high or low)))
            elif word == "drift":
                place += self.rng.uniform(0, float(value))
            else:
                count *= bool(self.value(value))
        return [(place, line)] * count

    def _filled(self, line: str) -> str:
        return _PLACE.sub(lambda found: format(self.value(found[1]), found[2] or ""), line)

    def _uuid(self) -> str:
        digits = f"{self.rng.getrandbits(128):032x}"
        return "-".join(digits[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))

    def _since_boot(self, step: float = 0.01) -> str:
        """The kernel's time, a little later each time."""
        self.seconds += self.rng.expovariate(1 / step)
        return f"{self.seconds:12.6f}"

    def _at(self, seconds: float, spread: float = 0.2) -> str:
        """The kernel's time about then."""
        self.seconds = max(self.seconds, seconds * self.rng.uniform(1 - spread, 1 + spread))
        return self._since_boot(0.001)

    def _wall(self, step: float = 0.5) -> str:
        """The kernel's time as `dmesg -T` has it."""
        self._since_boot(step)
        moment = self.variables["boot"] + self.seconds
        return time.strftime("%a %b %e %H:%M:%S %Y", time.gmtime(moment))

    def _when(self, ago: float = 0.0, form: str = "%b %d %H:%M:%S", spread: float = 0.2) -> str:
        """A time so many seconds ago, about, in UTC."""
        moment = NOW - ago * self.rng.uniform(1 - spread, 1 + spread) + self.rng.uniform(0, 2)
        return time.strftime(form, time.gmtime(moment))
