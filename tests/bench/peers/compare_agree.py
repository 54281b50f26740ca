"""`agree --loose` on outputs that are there: its own masks and its own digest, host by host."""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path

from binnacle import agree
from peak import tell

parser, *_ = agree.build_parser()
arguments = parser.parse_args(["run", "--loose"])
for name in ("trim", "squeeze_ws", "mask_times", "mask_hosts", "mask_numbers", "strip_ansi"):
    setattr(arguments, name, True)
said = {
    agree.Host(p.name, p.name): (p / "dmesg.out").read_text()
    for p in sorted(Path(sys.argv[1]).iterdir())
}
began = time.perf_counter()
groups = {
    hashlib.sha256(agree.normalize(text, host, arguments).encode()).hexdigest()
    for host, text in said.items()
}
tell(time.perf_counter() - began, f"{len(groups)} groups")
