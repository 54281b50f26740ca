"""The commands through paramiko as its documentation has it: a channel a command."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import paramiko


def one_host(plan: dict[str, Any], address: str) -> None:
    client = paramiko.SSHClient()
    client.load_host_keys(plan["known_hosts"])
    client.connect(
        address,
        username="root",
        key_filename=plan["key"],
        allow_agent=False,
        look_for_keys=False,
    )
    for command in plan["commands"]:
        _, stdout, _ = client.exec_command(command)
        stdout.read()
        if stdout.channel.recv_exit_status() != 0:
            raise SystemExit(f"{address}: {command} failed")
    client.close()


plan = json.loads(Path(sys.argv[1]).read_text())
began = time.perf_counter()
with ThreadPoolExecutor(min(plan["fanout"], len(plan["hosts"]))) as pool:
    list(pool.map(lambda address: one_host(plan, address), plan["hosts"].values()))
print(time.perf_counter() - began)
