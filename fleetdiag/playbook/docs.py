"""The playbooks' documentation: made, not written.

`docs/playbook.md` and the editors' schema come from the file format's own models,
`docs/playbooks.md` from the shipped playbooks.

`python -m fleetdiag.playbook.docs --write` writes them; `--check` says whether they are current.
For a checkout: an installed package has no `docs/`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fleetdiag
from fleetdiag import rules
from fleetdiag.playbook.build import checks_of, steps_of
from fleetdiag.playbook.change_schema import (
    ActFile,
    ChangeFile,
    MendFile,
    UndoFile,
    VerifyFile,
    json_schema,
)
from fleetdiag.playbook.check import read
from fleetdiag.playbook.find import shipped_directory
from fleetdiag.playbook.render import split_rules
from fleetdiag.playbook.schema import (
    CompareFile,
    DefaultsFile,
    FieldFile,
    FlagFile,
    IncludeFile,
    ParamFile,
    PlaybookFile,
    StepFile,
)
from fleetdiag.playbook.values import MASK_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

    from fleetdiag.model import Step
    from fleetdiag.playbook.includes import Included

DOCS = Path(fleetdiag.__file__).parent.parent / "docs"

_PAGE = """\
# Playbooks

<!-- Made by `python -m fleetdiag.playbook.docs --write`; change the models or that module. -->

A playbook is a YAML file of diagnostic commands. Every host runs the same steps, in order; then
each step's output is compared between the hosts, so that the odd ones stand out.

The shortest playbook is a list of commands:

```yaml
steps:
  - dmesg
  - load: cat /proc/loadavg
```

Saved as `playbooks/mine.yaml` it runs as `fleetdiag run mine`. A fuller one:

```yaml
# yaml-language-server: $schema=playbook.schema.json
about: Is the web server in order?

params:
  unit:
    default: nginx
    about: The systemd unit.

defaults:
  timeout: 5s

steps:
  - name: state
    run: systemctl show -p ActiveState -p NRestarts -- @{unit}
    or: service @{unit} status
    compare: keys
    flag:
      feature: ActiveState
      equals: failed
      severity: critical
      say: the web server is down

  - name: errors
    about: What it wrote last.
    run: journalctl -u @{unit} -p err -n 50 --no-pager
    become: true
    compare:
      mode: log
      mask: request-[0-9]+
```

## The file

@playbook@

A name is looked for as a file in `./playbooks`, then in `fleetdiag/playbooks` of the user's
configuration directory (`$XDG_CONFIG_HOME`, or `~/.config`), then among the shipped ones; the
first hit counts. With a `/` in it, or with `.yaml` or `.yml` at its end, it is a path.

`fleetdiag playbook new NAME` writes `playbooks/NAME.yaml`, a start with comments, to run as it is.
`fleetdiag playbook lint FILE` names everything wrong with a file, each `file:line:column: what
is wrong, what was expected`, and what is doubtful about its steps: a command that can write, ask,
page, run on or print without bound, shell that is not POSIX, a comparison that reads nothing.
`# lint: allow writes` at the end of a line keeps that to itself. `fleetdiag playbook try FILE` runs
it on one host and shows, a step at a time, the output and what is made of it. `fleetdiag playbook
show NAME` prints a playbook in full form.
`playbook.schema.json`, also printed by `fleetdiag playbook schema`, lets editors complete and
check: the first line of the example does that.

[writing-a-playbook.md](writing-a-playbook.md) leads through a real example in five minutes,
[playbooks.md](playbooks.md) has the shipped playbooks, step by step.

YAML is read as version 1.2 has it, and more strictly: `no`, `on`, `12:30` and `010` are text,
a key given twice is an error, and so is a key without a value.

## A step

A step is a bare command, which gets a name of its words (`cat /proc/loadavg` becomes
`cat-proc-loadavg`); or one pair, `name: command`; or in full:

@step@

Commands run one after another as `sh -c COMMAND`, with nothing on stdin, `LC_ALL=C` and the
administrator's directories on the `PATH`. Write POSIX shell: on many hosts `sh` is dash or
busybox. A command that does not exist gives the outcome *absent*, one that is not allowed
*denied*; neither counts as agreement. In a pipeline the shell reports the last command only; to
keep the first one's exit code write `k=$(dmesg) || exit; printf '%s\\n' "$k" | tail`.

## `include`

An item of `steps` may stand for the steps of another playbook:

@include@

```yaml
about: The first look, and whether the web server answers.

steps:
  - include: triage
    without: [top, listening]
  - web: curl -sS -m 3 -o /dev/null -w '%{http_code}' http://localhost/
```

In a file named like the one that it includes, `triage` in your own `playbooks/triage.yaml`, the
next of that name is meant: so a shipped playbook can be added to.

## `compare`

Either the mode alone, or a mapping:

@compare@

Without `compare`, fleetdiag knows the usual commands (`df`, `free`, `ss`, `dmesg`, …) and
compares each in the mode that suits it; what it does not know, as `text`. One example of each mode:

```yaml
steps:
  - name: memory # known to fleetdiag: the table of `free`, as numbers
    run: free
    compare: auto

  - name: kernel # one value: the majority's is right
    run: uname -sr
    compare: text

  - name: modules # which lines there are, in whatever order
    run: cut -d ' ' -f 1 /proc/modules
    compare: lines

  - name: settings # a value for each key
    run: sysctl vm net.core
    compare:
      mode: keys
      only: [vm.*, net.core.somaxconn]
      fields:
        vm.min_free_kbytes: # a number: only far from the others' is odd

  - name: disks # a value for each row and column
    run: df -P
    compare:
      mode: table
      key: 6 # the mount point; a header of one word may stand here too
      only: Capacity
      fields:
        Capacity: {unit: percent, floor: 20%, side: high}

  - name: load # numbers, by their position or by a pattern
    run: cat /proc/loadavg; nproc
    compare:
      mode: numbers
      fields:
        processors: {pattern: '^([0-9]+)$', compare: false}
        load: {at: 1, per: processors, floor: 2, side: high}

  - name: errors # events: which there are, and how often
    run: journalctl -p err -n 500 --no-pager
    compare: log

  - name: processes # to be read only
    run: ps aux
    compare: ignore

  - name: routes # JSON, or a parser of jc, makes the keys or rows
    run: ip -j route
    compare:
      mode: table
      parse: json
      key: dst
      only: [gateway, dev]
```

`parse`, `key`, `only` and `fields` belong to the modes that use them; elsewhere they are an error.

### `fields`

@field@

A text is odd where it is not the majority's; a number where it is far from the others', beside
their own spread, in proportion, and by more than `floor`. What grows since boot (packets, errors)
needs a `rate`, or every host is odd by its uptime. K, M, G and T are binary multiples of bytes, and
ms, s, m, h, d are times: `10M` is 10 MiB, `10m` ten minutes.

### Masks

Shipped masks already hide what differs on every healthy host: times, process ids, addresses,
MACs, uuids, long hexadecimal numbers, the host's own names. `unmask` takes them away by name:
@masks@, or `all`.

What still moves from run to run is a number with a `floor`, or is best turned into a fact on the
host: `/var 97 %` only where it is over 90, and `none` where nothing is, so that silence is never
taken for health. (`none` alone is an answer in every mode; other text without a key or a number in
it is *unparsed*.)

## `flag`

@flag@

```yaml
steps:
  - name: disks
    run: df -P
    compare: {mode: table, key: 6, fields: {Capacity: {unit: percent}}}
    flag:
      - feature: '* Capacity' # of a table: row and column
        above: 95%
        severity: critical
        say: a filesystem is nearly full
      - matches: Input/output error # in any line
        severity: critical
        say: a filesystem cannot be read
```

`rules:` adds sets that come with fleetdiag: @rules@. `rules: kernel` looks for what kernels write
when hardware, memory, disks or drivers fail.

## `set`

```yaml
steps:
  - name: release
    run: uname -r
    set: kernel # the whole output, one line
  - name: instance
    run: printf 'type=%s\\nzone_id=%s\\n' m6i.large use1-az4
    compare: keys
    set: {instance_type: type, zone_id: zone_id}
```

What a step sets is an attribute of the host like those of the inventory: told where odd hosts
share it (`all with kernel 6.1.0-44`), to compare among equals (`--peers role`), to choose hosts by
(`-l 'kernel=6.1.0-44*'`, as their last stored run told it). What the inventory says counts more
than what a host says of itself.

## `params`

@param@

`@{name}` in a command stands for the value as one word, in quotes. So it must stand where a word
can: not inside quotes (write `"$HOME"/@{dir}`, not `"$HOME/@{dir}"`), nor in a comment, in
`$((…))`, in `${…}` or in backticks. In a script for another program hand it over as an argument:
`sh -c 'ls "$1"' sh @{dir}`. For the text itself, write `@@{name}`.

## `defaults`

@defaults@

## `kind: change`

A playbook that changes hosts says so. It is run with `--allow-changes` only, as
[acting.md](acting.md) tells, and its steps are another kind: no comparison, no fallbacks.

@change@

```yaml
kind: change
about: Start the web server anew.

mends:
  - {step: failed-units, mentions: nginx}

before:
  - state: systemctl is-active nginx

steps:
  - name: restart
    run: systemctl restart nginx

verify: curl -fsS -m 3 -o /dev/null http://localhost/
```

### Its `steps`

@act@

They run on the host as root, one after another, detached: once begun they go on to their end,
whatever becomes of the connection or of this program.

### `verify`

@verify@

### `undo`

@undo@

### `mends`

@mend@

## Shipped playbooks

@shipped@
"""


def page() -> str:
    """The text of `docs/playbook.md`."""
    models: dict[str, type[BaseModel]] = {
        "playbook": PlaybookFile,
        "step": StepFile,
        "include": IncludeFile,
        "compare": CompareFile,
        "field": FieldFile,
        "flag": FlagFile,
        "param": ParamFile,
        "defaults": DefaultsFile,
        "change": ChangeFile,
        "act": ActFile,
        "verify": VerifyFile,
        "undo": UndoFile,
        "mend": MendFile,
    }
    text = _PAGE
    for name, model in models.items():
        text = text.replace(f"@{name}@", _keys(model))
    masks = ", ".join(f"`{name}`" for name in MASK_NAMES)
    sets = ", ".join(f"`{name}`" for name in rules.names())
    text = text.replace("@masks@", masks).replace("@rules@", sets)
    return text.replace("@shipped@", _shipped())


_SHIPPED_PAGE = """\
# The shipped playbooks

<!-- Made by `python -m fleetdiag.playbook.docs --write` from playbooks/*.yaml. -->

Each reads only, unless it says that it changes hosts; it needs no root (with it, it sees more), and
runs on anything with a POSIX shell, from Debian to busybox: where a command is not there or not
permitted the step ends as *absent* or *denied*. `fleetdiag playbook show NAME` prints one in full,
to be copied; [playbook.md](playbook.md) explains the format. In which mode it is compared stands
behind each step; what its rules flag, whatever the other hosts say, below.
"""


def shipped_page() -> str:
    """The text of `docs/playbooks.md`."""
    parts = [_SHIPPED_PAGE]
    for path in sorted(shipped_directory().glob("*.yaml")):
        file, includes = read(path)
        parts.append(f"## {path.stem}\n\n{file.about}\n")
        params = [
            f"- `{name}`: {param.about or ''}"
            + (f" Without it `{param.default}`." if param.default is not None else "")
            for name, param in file.params.items()
        ]
        if params:
            parts.append("\n".join(["Parameters:", "", *params]) + "\n")
        values = {name: name.upper() for name in file.params}
        if isinstance(file, ChangeFile):
            parts.append(_change_text(file, includes, values) + "\n")
            continue
        steps = steps_of(file, includes["steps"], values)
        parts.append("\n".join(line for step in steps for line in _step_lines(step)) + "\n")
    return "\n".join(parts)


def _change_text(
    file: ChangeFile, includes: Mapping[str, Mapping[int, Included]], values: Mapping[str, str]
) -> str:
    """What it does, and what it asks before and after."""
    before, after = checks_of(file, includes, values)
    lines = ["**Changes hosts**: see [acting.md](acting.md).", ""]
    lines += [f"- does **{act.name}**" for act in file.steps]
    lines += (
        [f"- undone by the host unless all is well in {file.undo.after:g} s"] if file.undo else []
    )
    for words, steps in (("asks before", before), ("asks after", after)):
        names = ", ".join(step.name.partition(".")[2] for step in steps)
        lines.append(f"- {words}: {names}")
    return "\n".join(lines)


def _step_lines(step: Step) -> list[str]:
    own, rule_sets = split_rules(step.flags)
    told = [f"  - {flag.severity.value}: {flag.say}" for flag in own]
    told += [f"  - rules `{name}`" for name in rule_sets]
    told += [f"  - sets `{', '.join(step.sets)}`"] if step.sets else []
    return [f"- **{step.name}** ({step.compare.mode.value}): {step.about}", *told]


def schema_text() -> str:
    """The text of `docs/playbook.schema.json`."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def files() -> dict[Path, str]:
    """Each generated file with what it should hold."""
    return {
        DOCS / "playbook.md": page(),
        DOCS / "playbook.schema.json": schema_text(),
        DOCS / "playbooks.md": shipped_page(),
    }


def main(arguments: list[str]) -> int:
    """`--write`: write the files, 0. `--check`: 0 where they are current, otherwise 1."""
    if arguments not in (["--write"], ["--check"]):
        sys.stderr.write("usage: python -m fleetdiag.playbook.docs --write | --check\n")
        return 2
    stale = [path for path, text in files().items() if _held(path) != text]
    for path in stale:
        if arguments == ["--write"]:
            path.write_text(files()[path], encoding="utf-8")
        sys.stderr.write(f"{path}: {'written' if arguments == ['--write'] else 'not current'}\n")
    return 1 if stale and arguments == ["--check"] else 0


def _held(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _keys(model: type[BaseModel]) -> str:
    rows = ["| key | | meaning |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        key, about = field.alias or name, " ".join((field.description or "").split())
        rows.append(f"| `{key}` | {_need(field)} | {about} |")
    return "\n".join(rows)


def _need(field: FieldInfo) -> str:
    """Whether a key must be there, or its default where that says something."""
    if field.is_required():
        return "required"
    default: Any = field.default
    return f"`{default}`" if isinstance(default, str) and len(default) < 12 else ""


def _shipped() -> str:
    from fleetdiag.playbook import available

    rows = ["| playbook | what it answers | params |", "|---|---|---|"]
    for listing in available([shipped_directory()]):
        params = ", ".join(f"`{name}`" for name in listing.params)
        rows.append(f"| `{listing.name}` | {listing.about} | {params} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
