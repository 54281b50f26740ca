"""The commands through parallel-ssh's client, one after another."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from pssh.clients import ParallelSSHClient  # type: ignore[import-not-found]

plan = json.loads(Path(sys.argv[1]).read_text())
addresses = list(plan["hosts"].values())
began = time.perf_counter()
client = ParallelSSHClient(
    addresses,
    user="root",
    pkey=plan["key"],
    allow_agent=False,
    identity_auth=False,
    pool_size=plan["fanout"],
)
for command in plan["commands"]:
    output = client.run_command(command)
    client.join(output)
    for host in output:
        list(host.stdout)
        if host.exit_code != 0:
            raise SystemExit(f"{host.host}: {command} failed")
sys.stdout.write(f"{time.perf_counter() - began}\n")
