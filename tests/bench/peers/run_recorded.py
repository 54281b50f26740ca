"""One run of recorded hosts, stored, compared and reported: `DIR HOSTS PLAYBOOK RUNS`.

Prints as JSON, for each part: its seconds, and the peak of memory in it, MB. The parts are those of
`fleetdiag run`; only the hosts and the screen are not there.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from fleetdiag import pipeline, report
from fleetdiag.cli.progress import Progress, Style
from fleetdiag.model import Host, TransportKind
from fleetdiag.plan import make_plan
from fleetdiag.playbook import load
from fleetdiag.transport import open_transport

STATUS = Path("/proc/self/status")
told: dict[str, tuple[float, float]] = {}
began = time.perf_counter()


def tell(part: str) -> None:
    """The part that ends here; the kernel forgets the peak (proc(5), clear_refs)."""
    global began
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    told[part] = time.perf_counter() - began, int(lines["VmHWM"].split()[0]) / 1e3
    Path("/proc/self/clear_refs").write_text("5")
    began = time.perf_counter()


directory, hosts, playbook, runs = sys.argv[1:]
names = list(json.loads((Path(directory) / "hosts.json").read_bytes())["hosts"])[: int(hosts)]
fleet = [Host(name, TransportKind.REPLAY, recording=directory) for name in names]
plan = make_plan(fleet, load(playbook))
tell("start")
progress = Progress(plan, Style.SILENT)
transport = open_transport(plan)
done, _ = pipeline._execute(plan, transport, Path(runs), progress, None, None)
tell("run")
comparison = pipeline.compare_runs(done)
tell("compare")
text = report.render(comparison, "table", options=report.ReportOptions(verbose=True))
tell("report")
print(json.dumps(told))
