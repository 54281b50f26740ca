"""One command through asyncssh, a connection a host; prints when the last of the others ended."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import asyncssh


async def one_host(plan: dict[str, Any], name: str, ended: dict[str, float]) -> None:
    async with asyncssh.connect(
        plan["hosts"][name],
        username="root",
        client_keys=[plan["key"]],
        known_hosts=plan["known_hosts"],
        kex_algs=["curve25519-sha256"],
        agent_path=None,
        config=None,
    ) as connection:
        await connection.run(plan["command"])
    ended[name] = time.perf_counter()


async def all_hosts(plan: dict[str, Any]) -> dict[str, float]:
    ended: dict[str, float] = {}
    await asyncio.gather(*(one_host(plan, name, ended) for name in plan["hosts"]))
    return ended


plan = json.loads(Path(sys.argv[1]).read_text())
began = time.perf_counter()
ended = asyncio.run(all_hosts(plan))
print(max(at for name, at in ended.items() if not name.startswith(plan["apart"])) - began)
