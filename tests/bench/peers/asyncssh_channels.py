"""The commands through asyncssh: a connection a host, a channel a command."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import asyncssh


async def one_host(plan: dict[str, Any], address: str) -> None:
    async with asyncssh.connect(
        address,
        username="root",
        client_keys=[plan["key"]],
        known_hosts=plan["known_hosts"],
        kex_algs=[plan["kex"]],
        agent_path=None,
        config=None,
    ) as connection:
        for command in plan["commands"]:
            await connection.run(command, check=True)


async def all_hosts(plan: dict[str, Any]) -> None:
    room = asyncio.Semaphore(plan["fanout"])

    async def in_turn(address: str) -> None:
        async with room:
            await one_host(plan, address)

    await asyncio.gather(*(in_turn(address) for address in plan["hosts"].values()))


plan = json.loads(Path(sys.argv[1]).read_text())
began = time.perf_counter()
asyncio.run(all_hosts(plan))
print(time.perf_counter() - began)
