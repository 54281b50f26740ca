"""Kill -9 of the program at any moment: what had finished is in the archive, and it opens."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from fleetdiag import archive
from tests.e2e.program import environment

KILLS = 50
PROGRAM = """
import sys
from pathlib import Path
from fleetdiag import pipeline
from fleetdiag.model import Host, HostFinished, Playbook, Step, TransportKind
from fleetdiag.plan import make_plan
from fleetdiag.transport import open_transport

hosts = [Host(f"h{n}", TransportKind.LOCAL, attributes={"wait": str(n)}) for n in range(12)]
steps = (Step("wait", ("sleep 0.0$(($$ % 10))",)), Step("data", ("head -c 20000 /dev/urandom",)))
plan = make_plan(hosts, Playbook("kill", steps), fanout=3)

def say(event):
    if isinstance(event, HostFinished):
        print(event.result.name, flush=True)

print("begun", flush=True)
pipeline.run(plan, open_transport(plan), archive_dir=Path(sys.argv[1]), on_event=say)
"""


def test_fifty_kills_lose_no_host_that_had_finished(tmp_path: Path) -> None:
    chance = random.Random(7)
    seen_midway = 0
    for number in range(KILLS):
        directory = tmp_path / str(number)
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(directory)],
            stdout=subprocess.PIPE,
            env=environment(tmp_path),
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n"
            time.sleep(chance.uniform(0, 0.35))
            os.kill(process.pid, 9)
            finished = {line.decode().strip() for line in process.stdout}
        stored = list(directory.glob("*.fleetdiag"))
        if not stored:
            assert not finished, "a host finished before the archive was begun"
            continue
        run = archive.load(stored[0])
        held = {host.name for host in run.hosts if host.status == "ok"}
        assert finished <= held, f"kill {number} lost {finished - held}"
        assert len(run.hosts) == 12
        seen_midway += 0 < len(finished) < 12
    assert seen_midway >= KILLS // 5, "most kills fell outside the run: they show little"
