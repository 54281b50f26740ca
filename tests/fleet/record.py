"""`python -m tests.fleet.record`: make the recorded incident of `-i demo` anew.

Twelve hosts of the test fleet; ten are really killed and boot anew; all run the playbooks of a
first look.
Their answers are edited where the story needs it (incident.py is all of it) and written to
`fleetdiag/recorded/incident/`. docs/recorded-incident.md tells the story. Needs root, as every
fleet does, and takes a little more than a minute.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from fleetdiag import inventory, pipeline, playbook
from fleetdiag.inventory.recorded import INCIDENT
from fleetdiag.model import Event, HostResult, HostStatus, Outcome, Run, read_output
from fleetdiag.plan import make_plan
from fleetdiag.playbook.find import shipped_directory
from fleetdiag.transport import open_transport
from tests.fleet import Fleet
from tests.fleet.incident import Answers, Crash, Story, edited

NOTE = "recorded on fleetdiag's test fleet, edited to tell a story; not real servers"
NAMES = "web-[01-12]"
CRASHED = tuple(f"web-{number:02}" for number in range(1, 11))
SEED = 4
"""Of the fleet: with this one, web-11 and web-12 are up for weeks."""
SETTLE_S = 60.0
"""From the ten's boot to the recording: then a start of twelve hosts no longer shows as load."""
FANOUT = 3
PANICKED_AGO_S = 950
BEGAN_BEFORE_S = 1800
"""From the begin of the provider's maintenance to the first panic."""
DOWN_S = 21
"""From a host's panic to the start of its next boot, as the story has it."""
ATTRIBUTES = {"type": "standard-2", "image": "debian-12", "role": "web", "recorded": "yes"}
"""Of every host. `recorded` says it also where only attributes are shown, as in JSON."""


def main() -> None:
    """Record, edit, write; replaces what was there only when all of it is at hand."""
    with Fleet(names=NAMES, seed=SEED, label="recording the incident") as fleet:
        ups_before = _crash(fleet)
        runs = [_run(name, str(fleet.inventory_path)) for name in recorded_playbooks()]
    answers = _answers(runs)
    stories = _stories(runs[-1], answers, ups_before)
    for name, story in stories.items():
        answers[name] = edited(answers[name], story)
    panics = [story.crash.panicked_at for story in stories.values() if story.crash]
    clocks = [_unix(said["time"]) for said in answers.values()]
    cloud = _cloud(max(clocks), min(panics))
    _write(answers, cloud, {host.name: _about(host, stories[host.name]) for host in runs[-1].hosts})
    size_kib = sum(path.stat().st_size for path in INCIDENT.rglob("*")) // 1024
    sys.stdout.write(f"{INCIDENT}: {len(answers)} hosts, {size_kib} KiB\n")
    for step in sorted(clashes()):
        sys.stdout.write(f"step {step}: another command in triage, whose answer is kept\n")


def recorded_playbooks() -> list[str]:
    """Those of the first look, triage last: of steps of one name its answer is the one kept."""
    return ["dmesg", "top", "uptime", "triage"]


def step_digests() -> dict[str, str]:
    """`PLAYBOOK/STEP` -> a digest of its commands: the recording is stale where it differs."""
    return {
        f"{name}/{step.name}": hashlib.sha256("\0".join(step.commands).encode()).hexdigest()[:12]
        for name in recorded_playbooks()
        for step in playbook.load(name, search=[shipped_directory()]).steps
    }


def clashes() -> set[str]:
    """Steps that have one name in several playbooks, but not the same commands."""
    seen: dict[str, set[str]] = {}
    for key, digest in step_digests().items():
        seen.setdefault(key.partition("/")[2], set()).add(digest)
    return {step for step, digests in seen.items() if len(digests) > 1}


def _crash(fleet: Fleet) -> dict[str, float]:
    """Give every host a name server, kill ten of them; host -> how long it had been up by then."""
    ups = {}
    for host in fleet.hosts:
        gateway = host.address.rpartition(".")[0] + ".1"
        fleet.write(host.name, "/etc/resolv.conf", f"nameserver {gateway}\n".encode())
        ups[host.name] = float(fleet.exec(host.name, ["cat", "/proc/uptime"]).stdout.split()[0])
    for name in CRASHED:
        fleet.fault(name, "reboot")
    time.sleep(SETTLE_S)
    return ups


def _run(name: str, inventory_file: str) -> Run:
    loaded = inventory.load([inventory_file])
    plan = make_plan(loaded.hosts, playbook.load(name, search=[shipped_directory()]), fanout=FANOUT)
    transport = open_transport(plan)
    try:
        comparison, _ = pipeline.run(plan, transport, archive_dir=None, on_event=_ignore)
    finally:
        transport.close()
    return comparison.run


def _ignore(event: Event) -> None:
    pass


def _answers(runs: list[Run]) -> dict[str, Answers]:
    """Host -> its answers; ends the program where a host or a step gave none."""
    answers: dict[str, Answers] = {}
    for run in runs:
        for host in run.hosts:
            if host.status is not HostStatus.OK:
                sys.exit(f"{host.name}: {host.status}: {host.reason}")
            for step in host.steps:
                if step.outcome is not Outcome.OK or step.stderr:
                    sys.exit(f"{host.name}: {step.name}: {step.outcome}: {step.stderr!r}")
                answers.setdefault(host.name, {})[step.name] = read_output(step.stdout).decode()
    return answers


def _stories(
    run: Run, answers: Mapping[str, Answers], ups_before: Mapping[str, float]
) -> dict[str, Story]:
    """Host -> when it crashed and came back, by the clock it had while it was recorded."""
    clocks = {name: _unix(said["time"]) for name, said in answers.items()}
    # All ten within one minute of the clock, a quarter of an hour before anyone looks.
    minute = (min(clocks.values()) - PANICKED_AGO_S) // 60 * 60
    stories = {}
    for number, host in enumerate(run.hosts, start=1):
        up_s, crash = host.facts.uptime_s or 0.0, None
        if host.name in CRASHED:
            panicked_at = minute + 8 + number * 17 % 41
            up_s = clocks[host.name] - panicked_at - DOWN_S
            crash = Crash(panicked_at - ups_before[host.name], panicked_at)
        stories[host.name] = Story(host.name, answers[host.name]["kernel-log"], up_s, crash)
    return stories


def _unix(said: str) -> float:
    return datetime.strptime(said.strip(), "%Y-%m-%dT%H:%M:%S%z").timestamp()


def _about(host: HostResult, story: Story) -> dict[str, object]:
    zone = "use1-az4" if story.crash else "use1-az6"
    facts = {
        "hostname": host.facts.hostname,
        "boot_id": host.facts.boot_id,
        "machine_id": host.facts.machine_id,
        "addresses": list(host.facts.addresses),
        "uptime_s": story.up_s,
        "user": host.facts.user,
    }
    return {"groups": ["web"], "attributes": {"zone": zone, **ATTRIBUTES}, "facts": facts}


def _cloud(asked_at: float, panicked_at: float) -> dict[str, object]:
    """What the provider would have said: no part of it was recorded."""
    began_at = _iso(panicked_at - BEGAN_BEFORE_S)
    event = {"code": "system-maintenance", "state": "open", "began_at": began_at}
    notice = {
        "source": "status page",
        "title": "Maintenance of network equipment in use1-az4",
        "state": "open",
        "places": ["use1-az4"],
        "began_at": began_at,
    }
    in_region = {"region": "us-east-1"}
    others = ["web-11", "web-12"]
    instances = [
        {"hosts": list(CRASHED), **in_region, "zone_id": "use1-az4", "events": [event]},
        {"hosts": others, **in_region, "zone_id": "use1-az6", "events": []},
    ]
    return {"asked_at": _iso(asked_at), "instances": instances, "notices": [notice]}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _write(
    answers: Mapping[str, Answers],
    cloud: Mapping[str, object],
    about: Mapping[str, dict[str, object]],
) -> None:
    shutil.rmtree(INCIDENT, ignore_errors=True)
    for host, said in answers.items():
        (INCIDENT / host).mkdir(parents=True)
        for step, text in said.items():
            (INCIDENT / host / f"{step}.out").write_text(text)
    whole = {"note": NOTE, "hosts": about, "commands": step_digests()}
    (INCIDENT / "hosts.json").write_text(json.dumps(whole, indent=1) + "\n")
    (INCIDENT / "cloud.json").write_text(json.dumps(cloud, indent=1) + "\n")


if __name__ == "__main__":
    main()
