"""fleetdiag's comparison: `log DIR` as `fleetdiag compare DIR`, `exact STREAM` as `--exact -`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from peak import tell

from fleetdiag import outputs, pipeline
from fleetdiag.model import Severity

kind, path = sys.argv[1], Path(sys.argv[2])
if kind == "exact":
    with path.open("rb") as stream:
        run, _ = pipeline.outputs_of_stream(stream)
    run = outputs.compared_as(run, None, {}, exact=True)
else:
    run = pipeline.outputs_of_directory(path)
began = time.perf_counter()
comparison = pipeline.compare_runs(run)
inside_s = time.perf_counter() - began
loud = [f for f in comparison.findings if f.severity is not Severity.INFO]
groups = len(comparison.steps[0].groups)
tell(inside_s, f"{groups} groups" if kind == "exact" else f"{len(loud)} findings above info")
