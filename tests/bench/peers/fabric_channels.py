"""The commands through fabric's ThreadingGroup."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from fabric import Connection, ThreadingGroup

plan = json.loads(Path(sys.argv[1]).read_text())
began = time.perf_counter()
group = ThreadingGroup.from_connections(
    Connection(
        address,
        user="root",
        connect_kwargs={
            "key_filename": plan["key"],
            "allow_agent": False,
            "look_for_keys": False,
        },
    )
    for address in plan["hosts"].values()
)
for command in plan["commands"]:
    group.run(command, hide=True)
group.close()
sys.stdout.write(f"{time.perf_counter() - began}\n")
