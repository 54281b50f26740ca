"""Every type that crosses a stage: frozen values, no I/O, nothing of SSH, YAML or the screen.

The stages (inventory, playbook, plan, executor, archive, compare, report) never import each
other; they meet here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from hashlib import sha256
from typing import Protocol

Attributes = Mapping[str, str]

DEFAULT_STEP_TIMEOUT_S = 10.0
DEFAULT_OUTPUT_CAP_BYTES = 1 << 20
DEFAULT_FANOUT = 64
DEFAULT_ACT_TIMEOUT_S = 60.0
DEFAULT_AWAY_S = 120.0
END_OF_DATES_S = 253_402_300_799.0
"""The last second of the year 9999, Unix time: a calendar has none after it."""


# ---------------------------------------------------------------------------------- inventory


class TransportKind(StrEnum):
    """How bytes reach a host."""

    SSH = "ssh"
    OPENSSH = "openssh"
    LOCAL = "local"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and as whom to log in, resolved: inventory first, then ssh_config, then defaults."""

    name: str
    """As the user knows it: for messages, and the name looked up in known_hosts with `address`."""
    address: str
    """DNS name or IP address to connect to (ssh_config's HostName)."""
    port: int
    user: str
    identity_files: tuple[str, ...] = ()
    """Absolute paths, tried in this order; empty means the defaults of OpenSSH."""
    identities_only: bool = False
    """Offer the identity files only, not every key of the agent."""
    host_key_alias: str | None = None
    known_hosts_files: tuple[str, ...] = ()
    """Absolute paths; empty means the defaults of OpenSSH (the user's, then the system's)."""
    proxy_command: str | None = None
    """Already expanded (%h, %p, %r); run by /bin/sh; None where there is none."""
    via: tuple[Endpoint, ...] = ()
    """Bastions in the order they are passed; each with `via` empty. Never with `proxy_command`."""


@dataclass(frozen=True, slots=True)
class Host:
    """One host of the inventory, everything about it resolved."""

    name: str
    transport: TransportKind = TransportKind.SSH
    endpoint: Endpoint | None = None
    """None for `local` and `replay` hosts."""
    become: bool = False
    """Run every step through sudo unless the step says otherwise."""
    groups: tuple[str, ...] = ()
    """All groups it is in, parents included, sorted."""
    attributes: Attributes = field(default_factory=dict)
    """Zone, role, image, …: what hosts may share."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Field (`user`, `attributes.zone`, …) -> where its value came from (`inventory.yaml:12`,
    `~/.ssh/config:3`, `default`, `--user`)."""
    recording: str | None = None
    """For `replay` hosts: the directory of the recorded outputs."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """Hosts in the order they were first named, and the groups over them."""

    hosts: tuple[Host, ...]
    groups: Mapping[str, tuple[str, ...]]
    """Group -> names of its hosts, children's included, in the order of `hosts`."""
    sources: tuple[str, ...] = ()
    """What it was read from, for messages and the archive."""
    note: str | None = None
    """A sentence to show wherever these hosts are shown (`recorded …`); None for real ones."""
    peers: str | None = None
    """The attribute within whose values hosts are compared (`role`); None: all with all."""


# ----------------------------------------------------------------------------------- playbook


class Severity(StrEnum):
    """How bad a finding is; compare by `rank`."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for critical, 1 for warning, 2 for info: sorts the worst first."""
        return ("critical", "warning", "info").index(self.value)


class Mode(StrEnum):
    """How a step's output is compared between hosts."""

    AUTO = "auto"
    """As the shipped table says for the step's command; `text` for one it does not know."""
    TEXT = "text"
    """The whole masked output is one value."""
    LINES = "lines"
    """The set of masked lines; their order and number do not matter."""
    KEYS = "keys"
    """`key=value`, `key: value`, `key value`: a value for each key."""
    TABLE = "table"
    """Rows and columns: a value for each cell, and which rows are there."""
    NUMBERS = "numbers"
    """Named numbers (`Compare.fields`), with units: far from the others' is odd."""
    LOG = "log"
    """Events: masked lines without their time; which are there, and how often."""
    IGNORE = "ignore"
    """Shown, never compared (what differs on every healthy host)."""


class Unit(StrEnum):
    """What a number counts; values are kept in these units."""

    NONE = ""
    PERCENT = "percent"
    BYTES = "bytes"
    SECONDS = "seconds"


class Rate(StrEnum):
    """How a counter becomes comparable."""

    UPTIME = "uptime"
    """Divided by the seconds the host is up."""
    SAMPLES = "samples"
    """The last value printed minus the first, divided by the seconds between them."""


class Side(StrEnum):
    """On which side of the others a number is odd."""

    BOTH = "both"
    HIGH = "high"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Field:
    """A number in a step's output: where it is, what it counts, when it is far from the others'."""

    name: str
    """In mode `keys` the key, in mode `table` the column, unless `at` says otherwise."""
    pattern: str | None = None
    """A regular expression whose group 1 (or whole match) is the number, in mode `numbers`."""
    at: str | None = None
    """A position from 1 among the output's numbers (with `pattern`: among those in its match), or
    the name of a key or column."""
    unit: Unit | None = None
    """None: as the number's own suffix says."""
    per: str | None = None
    """Another field of the same row or output that this is divided by."""
    rate: Rate | None = None
    """For counters, which only grow: compared on a log scale."""
    interval_s: float = 1.0
    """Between the two samples of `Rate.SAMPLES`."""
    floor: float | None = None
    """A smaller difference from the median is never odd; in the unit, after `per` and `rate`.
    None: the unit's own."""
    side: Side = Side.BOTH
    compare: bool = True
    """False: it is there for `per` and for rules only."""


@dataclass(frozen=True, slots=True)
class Compare:
    """How one step is compared."""

    mode: Mode = Mode.AUTO
    mask: tuple[str, ...] = ()
    """Further patterns to mask, besides the shipped ones."""
    unmask: tuple[str, ...] = ()
    """Names of shipped masks not to apply; `all` for none of them."""
    parse: str = ""
    """`json` or `jc:NAME`: what makes keys or rows of the output; empty: the mode's own reader."""
    key: str = ""
    """Mode `table`: the column that names a row, by header or position from 1; several joined by
    `+`. Empty: the first."""
    only: tuple[str, ...] = ()
    """Modes `keys` and `table`: the keys or columns compared (`*` stands for any text); empty:
    all."""
    fields: tuple[Field, ...] = ()
    """What of it is a number to be measured, not a text to be equal."""


@dataclass(frozen=True, slots=True)
class Flag:
    """An absolute rule on a step's output: true of a host whatever the others say.

    It looks at lines (`matches` without `feature`), or at the value of each feature whose name
    `feature` matches.
    """

    say: str
    """What it means, a sentence; becomes the finding's summary."""
    severity: Severity = Severity.WARNING
    matches: str | None = None
    """A regular expression, searched in each line of the (unmasked) output, or in the value."""
    feature: str | None = None
    """A field, key, `row column`; `*` stands for any text."""
    above: float | None = None
    """In the feature's unit."""
    below: float | None = None
    equals: str | None = None
    name: str = ""
    """In a rule set, for `explains`; unique there."""
    explains: tuple[str, ...] = ()
    """Rules whose finding on the same hosts is a consequence of this one."""


@dataclass(frozen=True, slots=True)
class Step:
    """One diagnostic command with what to do about its output."""

    name: str
    commands: tuple[str, ...]
    """`run`, then the fallbacks of `or`: the first that exists and is permitted counts."""
    timeout_s: float = DEFAULT_STEP_TIMEOUT_S
    become: bool | None = None
    """None: as the host says."""
    compare: Compare = field(default_factory=Compare)
    flags: tuple[Flag, ...] = ()
    """The step's own rules, then those of the rule sets it names."""
    sets: Mapping[str, str] = field(default_factory=dict)
    """Attribute of the host -> the feature it takes its value from; `""` for the whole output."""
    about: str = ""
    """What it tells, a sentence."""
    output_cap_bytes: int = DEFAULT_OUTPUT_CAP_BYTES
    """A stream longer than this is cut there, and the step marked truncated."""
    repeatable: bool = True
    """It only reads: where nobody heard how it ended, it may be run once more."""


@dataclass(frozen=True, slots=True)
class Act:
    """One command that changes a host. No `Step`: nothing that runs steps can run it."""

    name: str
    command: str
    timeout_s: float = DEFAULT_ACT_TIMEOUT_S
    reboots: bool = False
    """The host goes down by it: done once the host has another boot id."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What must come true on the host after the acts: the command ends with 0."""

    command: str
    within_s: float


@dataclass(frozen=True, slots=True)
class Undo:
    """What the host does by itself unless it is told in time that all is well."""

    command: str
    after_s: float
    """From the beginning of the acts."""
    timeout_s: float = DEFAULT_ACT_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class Mend:
    """A finding that the change may mend; all that is said must fit."""

    step: str = "*"
    """The finding's step; `*` stands for any text."""
    finding: FindingKind | None = None
    mentions: str = ""
    """Text in its summary or evidence, in whatever case."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a change playbook does to a host; its checks are the playbook's steps."""

    acts: tuple[Act, ...]
    before: int
    """So many of the playbook's steps are asked before the acts, the rest after them."""
    verify: Condition | None = None
    """None only where an act reboots: then the new boot id is the condition."""
    undo: Undo | None = None
    mends: tuple[Mend, ...] = ()
    away_s: float = DEFAULT_AWAY_S
    """How long a host may be out of reach after its acts began, before it counts as lost."""

    @property
    def reboots(self) -> bool:
        """Whether the host goes down by it."""
        return any(act.reboots for act in self.acts)


@dataclass(frozen=True, slots=True)
class Playbook:
    """Steps in order, parameters already substituted.

    Steps only read, also those of a change: what changes hosts is in `change` alone.
    """

    name: str
    steps: tuple[Step, ...]
    about: str = ""
    source: str = ""
    """The file it came from; empty for `exec`."""
    params: Mapping[str, str] = field(default_factory=dict)
    """The values it was rendered with."""
    change: Change | None = None
    """None: a diagnosis."""


# --------------------------------------------------------------------------------------- plan


@dataclass(frozen=True, slots=True)
class Limits:
    """Every deadline of a run, apart from each other; seconds; None is off."""

    connect_s: float = 10.0
    """TCP connection, for each address of the host's name together."""
    banner_s: float = 10.0
    """From the connection to the server's identification and key exchange."""
    auth_s: float = 20.0
    """From the key exchange to a session."""
    host_s: float | None = None
    """One host, all its steps; None: the sum of the steps' own limits with some seconds more."""
    run_s: float | None = None
    """The whole run (`--deadline`)."""
    throttle_retries: int = 4
    """How often a login that the server dropped unanswered is tried again."""


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What one host will be asked, in order."""

    host: Host
    steps: tuple[Step, ...]
    """With `become` resolved (never None)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Who, what, in which order, within which limits. Picklable."""

    playbook: Playbook
    hosts: tuple[HostPlan, ...]
    fanout: int = DEFAULT_FANOUT
    """Hosts at once."""
    limits: Limits = field(default_factory=Limits)
    note: str | None = None
    """The inventory's note (`recorded …`)."""
    peers: str | None = None
    """The inventory's."""


# ---------------------------------------------------------------------------------------- run


class HostStatus(StrEnum):
    """What became of one host."""

    OK = "ok"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    DNS = "dns"
    THROTTLED = "throttled"
    KEY_UNKNOWN = "key-unknown"
    KEY_CHANGED = "key-changed"
    AUTH_FAILED = "auth-failed"
    LOST = "lost"
    TIMED_OUT = "timed-out"
    CANCELLED = "cancelled"
    NOT_RUN = "not-run"


DOWN = frozenset(
    {
        *(HostStatus.UNREACHABLE, HostStatus.REFUSED, HostStatus.LOST, HostStatus.TIMED_OUT),
        HostStatus.DNS,
    }
)
"""Statuses of hosts that are in trouble themselves; a refused login or key is ours to mend."""


class Outcome(StrEnum):
    """What became of one step on one host."""

    OK = "ok"
    FAILED = "failed"
    ABSENT = "absent"
    DENIED = "denied"
    TIMED_OUT = "timed-out"
    STUCK = "stuck"
    TRUNCATED = "truncated"
    UNPARSED = "unparsed"
    SKIPPED = "skipped"
    NOT_RUN = "not-run"


@dataclass(frozen=True, slots=True, eq=False)
class StoredOutput:
    """An output that is not in memory: read from where it is stored each time it is asked for.

    Equal to every output of the same bytes, wherever that is. Never empty.
    """

    sha256: str
    """In hex."""
    size: int
    """Bytes."""
    fetch: Callable[[str], bytes] = field(repr=False)
    """The bytes of that digest; raises FleetdiagError."""

    def __len__(self) -> int:
        return self.size

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StoredOutput):
            return self.sha256 == other.sha256
        if isinstance(other, bytes):
            return self.size == len(other) and self.sha256 == sha256(other).hexdigest()
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]
    """Equal bytes have another; `output_key` is what to tell outputs apart by."""


Output = bytes | StoredOutput
"""What a stream of a step gave, in memory or stored: `read_output` it, and let it go."""


def read_output(output: Output) -> bytes:
    """The bytes; raises FleetdiagError where they are stored and cannot be had."""
    return output if isinstance(output, bytes) else output.fetch(output.sha256)


def output_key(output: Output) -> bytes | str:
    """Equal only for equal outputs, and for all equal ones that are kept alike."""
    return output if isinstance(output, bytes) else output.sha256


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step gave on one host."""

    name: str
    outcome: Outcome
    exit_code: int | None = None
    """None where it did not end by itself, or did not run."""
    duration_s: float | None = None
    """On the host's clock, 0.01 s fine; None where it did not run."""
    stdout: Output = b""
    stderr: Output = b""
    truncated: bool = False
    """A stream reached the cap (also with other outcomes: cut, then timed out)."""
    command: int = 0
    """Index into `Step.commands`: which one gave this output."""
    reason: str = ""
    """In words, where the outcome is not ok; one line."""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a host said of itself in the run's first answer; masks turn these into `<self>`."""

    hostname: str = ""
    boot_id: str = ""
    machine_id: str = ""
    addresses: tuple[str, ...] = ()
    """IPv4 and IPv6 without prefix length, loopback and link-local included."""
    uptime_s: float | None = None
    clock_offset_s: float | None = None
    """Host's clock minus ours, as far as it is certain: 0 where it lies within the time that the
    host's answer took."""
    user: str = ""
    """Effective user id's name or number the steps ran as."""


@dataclass(frozen=True, slots=True)
class HostResult:
    """What one host gave: a status for the host, a result for each step of its plan."""

    name: str
    status: HostStatus
    reason: str = ""
    """In words, where the status is not ok; one line."""
    steps: tuple[StepResult, ...] = ()
    """One for each planned step, in order, also where it did not run."""
    attributes: Attributes = field(default_factory=dict)
    facts: HostFacts = field(default_factory=HostFacts)
    address: str = ""
    """What was connected to; empty for local and replay."""
    started_at: float = 0.0
    """Unix time, this machine's clock."""
    connect_s: float | None = None
    """Until the session was open; None where it never was."""
    duration_s: float = 0.0


# -------------------------------------------------------------------------------------- cloud


class CloudStatus(StrEnum):
    """What a provider's own check of an instance, or of what is beneath it, says."""

    OK = "ok"
    IMPAIRED = "impaired"
    INITIALIZING = "initializing"
    INSUFFICIENT_DATA = "insufficient-data"
    NOT_APPLICABLE = "not-applicable"
    UNKNOWN = "unknown"
    """Not asked, or not understood."""


class EventState(StrEnum):
    """Where a provider's event stands."""

    OPEN = "open"
    """Announced or going on."""
    COMPLETED = "completed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """Something the provider plans, does or did to one instance."""

    code: str
    """The provider's word: `system-maintenance`, `instance-retirement`, …"""
    state: EventState
    description: str = ""
    """As the provider has it, without its `[Completed]`."""
    not_before: float | None = None
    """Unix time; None where none is given."""
    not_after: float | None = None


@dataclass(frozen=True, slots=True)
class CloudInstance:
    """What the provider says of one host."""

    id: str
    state: str = ""
    """`running`, `stopped`, …; empty where it could not be asked."""
    region: str = ""
    zone: str = ""
    zone_id: str = ""
    system: CloudStatus = CloudStatus.UNKNOWN
    """Of the hardware and network beneath: what is not ok there, no reboot mends."""
    system_since: float | None = None
    """Since when it is impaired; Unix time."""
    instance: CloudStatus = CloudStatus.UNKNOWN
    """Of the operating system, seen from outside."""
    instance_since: float | None = None
    disks: CloudStatus = CloudStatus.UNKNOWN
    """Of the attached network disks."""
    disks_since: float | None = None
    events: tuple[CloudEvent, ...] = ()
    """Open ones, and those that ended within a week."""


@dataclass(frozen=True, slots=True)
class CloudZone:
    """A zone as the provider describes it."""

    name: str
    id: str = ""
    region: str = ""
    state: str = ""
    """`available`, `impaired`, `unavailable`, …"""
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CloudNotice:
    """An entry of a status page."""

    source: str
    """The feed's name, as the settings have it."""
    title: str
    state: EventState = EventState.OPEN
    text: str = ""
    """The last update, in one line, clipped."""
    places: tuple[str, ...] = ()
    """Regions, zones and components it is about, as the page names them; empty: not said."""
    started_at: float | None = None
    """Unix time."""
    updated_at: float | None = None
    link: str = ""


@dataclass(frozen=True, slots=True)
class CloudConsole:
    """The end of an instance's console, which needs no answer of the host."""

    output: bytes
    at: float | None = None
    """When the provider took it, Unix time."""


@dataclass(frozen=True, slots=True)
class CloudFacts:
    """What the provider said during a run. What could not be had is in `problems`, in words."""

    asked_at: float
    """Unix time."""
    duration_s: float = 0.0
    instances: Mapping[str, CloudInstance] = field(default_factory=dict)
    """Host -> what is said of it; hosts that are no instances are not in it."""
    zones: tuple[CloudZone, ...] = ()
    notices: tuple[CloudNotice, ...] = ()
    """Of status pages: open ones, and those that ended within a day."""
    consoles: Mapping[str, CloudConsole] = field(default_factory=dict)
    """Host -> its console, of hosts that did not answer."""
    problems: tuple[str, ...] = ()
    """Sentences: what was asked, and why there is no answer."""


# ------------------------------------------------------------------------------------ rollout


@dataclass(frozen=True, slots=True)
class Size:
    """So many hosts, or a share of them."""

    number: float
    """Hosts; with `percent` per cent of them."""
    percent: bool = False

    def __str__(self) -> str:
        """As it is written: `3`, `25%`."""
        return f"{self.number:g}{'%' if self.percent else ''}"


@dataclass(frozen=True, slots=True)
class RolloutRules:
    """How a change goes over the fleet."""

    batches: tuple[Size, ...] = (Size(1), Size(10, percent=True), Size(25, percent=True))
    """The first is the canary; the last is repeated until all hosts had their turn."""
    max_failures: Size = Size(0)
    """So many hosts may fail or stay away; past it no further host is begun."""
    apart: str | None = None
    """An attribute: hosts of two of its values are never changed at the same time."""
    keep: Size | None = None
    """So many of each group's hosts stay up at any time."""
    keep_by: str | None = None
    """The attribute whose values are those groups; None: all hosts of the run are one."""
    pause_s: float = 0.0
    """Between two batches."""
    ask: bool = False
    """Ask between two batches."""


class HostState(StrEnum):
    """What became of a host in a change."""

    UNTOUCHED = "untouched"
    ABOUT = "about"
    """Written before the act: whether it began only the host knows."""
    DONE = "done"
    UNDONE = "undone"
    """Changed, and put back by its `undo`."""
    FAILED = "failed"
    """Changed, not as it should be, and not put back."""
    UNKNOWN = "unknown"
    """It did not come back within the limit, or does not say."""


SETTLED = frozenset({HostState.DONE, HostState.UNDONE, HostState.FAILED})
"""States that stay as they are unless somebody acts on the host again."""
OPEN = frozenset({HostState.ABOUT, HostState.UNKNOWN})
"""States of which only the host knows more."""


@dataclass(frozen=True, slots=True)
class HostAct:
    """One entry of the record of a change, in the archive before what it announces."""

    host: str
    state: HostState
    at: float
    """Unix time, this machine's clock."""
    attempt: int = 1
    """Which try of this run on this host."""
    boot_id: str = ""
    """Before the acts."""
    reason: str = ""
    """In words, where the state is not the one that was wanted."""
    said: str = ""
    """What the acts, or the undo, wrote; clipped."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A change going over the fleet: what was decided, and what happened."""

    rules: RolloutRules
    batches: tuple[tuple[str, ...], ...]
    """The hosts in the order they were to have their turn."""
    who: str
    """`user@machine` that began it."""
    acts: tuple[HostAct, ...] = ()
    """In the order they were written."""
    stopped: str = ""
    """Why it ended before all hosts had their turn; empty where it did not, or was killed."""

    def states(self) -> dict[str, HostAct]:
        """Host -> the last that is written of it; those that had a turn first, in that order."""
        last = {act.host: act for act in self.acts}
        waiting = {host for batch in self.batches for host in batch} - last.keys()
        ordered = [host for batch in self.batches for host in batch if host in waiting]
        return last | {host: HostAct(host, HostState.UNTOUCHED, 0.0, 0) for host in ordered}


@dataclass(frozen=True, slots=True)
class Run:
    """One run, live or stored: everything `compare` needs."""

    id: str
    """`20261122T030405-triage-7f3a`: sorts by time; letters, digits, `-`, `.` only."""
    playbook: Playbook
    hosts: tuple[HostResult, ...]
    """In the plan's order; hosts that were never begun are there as not-run."""
    started_at: float
    """Unix time."""
    duration_s: float
    version: str
    """fleetdiag's."""
    interrupted: bool = False
    note: str | None = None
    """Shown wherever the run is shown (`recorded …`)."""
    peers: str | None = None
    """The attribute within whose values hosts are compared; None: all with all."""
    cloud: CloudFacts | None = None
    """What the provider said meanwhile; None where nobody was asked."""
    rollout: Rollout | None = None
    """Of a change; None for a diagnosis."""


# ------------------------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class HostStarted:
    """A worker took this host up."""

    host: str


@dataclass(frozen=True, slots=True)
class StepFinished:
    """One step of one host has its result."""

    host: str
    step: StepResult


@dataclass(frozen=True, slots=True)
class HostFinished:
    """The host's result is complete; the archive commits it now."""

    result: HostResult


@dataclass(frozen=True, slots=True)
class ArchiveFailed:
    """The run can no longer be stored (disk full, …); it goes on, and is kept in memory only."""

    reason: str


@dataclass(frozen=True, slots=True)
class HostActed:
    """What is about to be done to a host, or what became of it; it is in the archive."""

    act: HostAct


@dataclass(frozen=True, slots=True)
class BatchBegun:
    """Hosts of a rollout have their turn."""

    number: int
    """From 1."""
    of: int
    hosts: tuple[str, ...]


Event = HostStarted | StepFinished | HostFinished | ArchiveFailed | HostActed | BatchBegun
OnEvent = Callable[[Event], Event | None]
"""Hears of an event. What it answers, an event of the same kind, is held from then on in place of
the one it heard: its outputs may be stored by then. None: the event itself is."""


# --------------------------------------------------------------------------------- comparison


class FindingKind(StrEnum):
    """What sort of conclusion a finding is."""

    DIFFERS = "differs"
    CHANGED = "changed"
    RULE = "rule"
    MISSING = "missing"
    UNREACHABLE = "unreachable"
    SHARED = "shared"
    SIMULTANEOUS = "simultaneous"
    CLOUD = "cloud"


@dataclass(frozen=True, slots=True)
class Shared:
    """An attribute value that odd hosts have and the rest have less."""

    attribute: str
    value: str
    odd: int
    odd_total: int
    rest: int
    rest_total: int
    risk_ratio: float | None
    """None where no healthy host is there for contrast."""
    p: float | None
    """Of Fisher's exact test, corrected for the number of values tried."""
    alike: tuple[str, ...] = ()
    """Further attributes with their values that mark exactly the same hosts (`subnet 10.0.4.0`)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A conclusion with its evidence."""

    kind: FindingKind
    severity: Severity
    summary: str
    """A sentence without the host names (they are in `hosts`)."""
    hosts: tuple[str, ...]
    """The odd ones, in the run's order."""
    of: int
    """Among how many hosts that could have shown it."""
    step: str | None = None
    feature: str | None = None
    evidence: tuple[str, ...] = ()
    """Lines as the hosts gave them (cleaned of controls), at most a few."""
    shared: tuple[Shared, ...] = ()
    also: tuple[str, ...] = ()
    """Consequences folded under it: their summaries."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of a step over the hosts that gave it."""

    feature: str
    unit: Unit
    values: Mapping[str, float]
    """Host -> value, after `per` and `rate`, in the run's order."""
    median: float
    odd: tuple[str, ...] = ()
    """Hosts far from the others; empty below four hosts."""


@dataclass(frozen=True, slots=True)
class Group:
    """Hosts whose output of one step is the same after masking."""

    hosts: tuple[str, ...]
    outcome: Outcome
    majority: bool
    sample: str
    """The masked output they have in common, or the reason where there is none; controls made
    visible."""
    diff: tuple[str, ...] = ()
    """Unified diff against the majority's sample, without trailing newlines; empty for the majority
    and where there is none."""


@dataclass(frozen=True, slots=True)
class StepComparison:
    """One step over all hosts that ran it."""

    name: str
    mode: Mode
    masks: tuple[str, ...]
    """Names of the masks that changed something."""
    groups: tuple[Group, ...]
    """Largest first."""
    odd: tuple[str, ...]
    """Hosts outside the majority; empty where there is none, or one group."""
    compared: int
    """Hosts whose output was compared (0 for `ignore`)."""
    chosen: str = ""
    """What `auto` knew the command as; empty where the playbook names the mode, or it is
    unknown."""
    measures: tuple[Measure, ...] = ()
    varying: tuple[str, ...] = ()
    """Features that differ on nearly every host: not held against anybody."""


class Cause(StrEnum):
    """Where the trouble is, as far as a run can tell."""

    NONE = "none"
    """Nothing is wrong that a run can see."""
    PROVIDER = "provider"
    ZONE = "zone"
    """A zone, rack or network, of which the provider says nothing."""
    GROUP = "group"
    """Hosts that share something else: a kernel, an image, a role."""
    HOST = "host"
    SOFTWARE = "software"
    """One crash on hosts that share no place."""
    UNKNOWN = "unknown"


class Confidence(StrEnum):
    """How much a verdict stands on."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What it comes down to, and never more than the evidence."""

    cause: Cause = Cause.UNKNOWN
    confidence: Confidence = Confidence.NONE
    summary: str = ""
    """A sentence; empty where there is no verdict."""
    hosts: tuple[str, ...] = ()
    """Those in trouble."""
    because: tuple[str, ...] = ()
    """The evidence for it, a sentence each."""
    against: tuple[str, ...] = ()
    """What does not fit."""
    do: tuple[str, ...] = ()
    """What to do next."""
    unless: tuple[str, ...] = ()
    """What would change it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run and what was concluded from it: all a report needs."""

    run: Run
    steps: tuple[StepComparison, ...]
    findings: tuple[Finding, ...]
    """The most telling first."""
    verdict: Verdict = field(default_factory=Verdict)


@dataclass(frozen=True, slots=True)
class Trial:
    """What one step came to on one host, with nobody to compare it with: for who writes it."""

    step: Step
    result: StepResult
    """Its outcome `unparsed` where the comparison could not read it."""
    mode: Mode
    """Never `auto`."""
    chosen: str
    """What `auto` knew the command as."""
    features: Mapping[str, str]
    """What would be compared: name -> value; empty for a line or row that is just there."""
    numbers: frozenset[str]
    """Those of the features that are measured, not equal or different."""
    masks: tuple[str, ...]
    """Names of the masks that changed something."""
    masked: tuple[tuple[str, str], ...]
    """A few lines: as the host gave them, and as they are compared."""
    flagged: tuple[Finding, ...]
    """What its rules say."""
    sets: Mapping[str, str]
    """The attributes it tells."""
    moved: tuple[str, ...] = ()
    """Features that a second run had otherwise: of them every healthy host would be odd."""


# ---------------------------------------------------------------------------------- transport


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some bytes of one stream, as they came."""

    stderr: bool
    data: bytes


class Session(Protocol):
    """A byte stream to `sh -s` on a host. Used by one thread, except `close`."""

    sent_at: float
    """Monotonic clock, just before the first bytes were sent."""

    def send(self, data: bytes) -> None:
        """Write all of `data` to the shell's stdin; raises HostError (lost)."""

    def read(self, timeout_s: float) -> Chunk | None:
        """The next bytes, None at the end of both streams; raises TimeoutError, HostError."""

    def close(self) -> None:
        """Drop the stream at once; any thread, any number of times; never raises."""


class Transport(Protocol):
    """Opens sessions; shared by all the threads of a run."""

    def open(self, host: Host, limits: Limits, first: bytes = b"") -> Session:
        """A new session to the host, which reads `first`; raises HostError with status and reason.

        `first` may go out together with the login, and twice where it is in doubt whether the
        host took it: nothing but what is safe to repeat.
        """

    def close(self) -> None:
        """Drop what sessions share (bastion logins); never raises."""


class ExitCode(IntEnum):
    """Of the program."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    INCOMPLETE = 3
    INTERRUPTED = 130
