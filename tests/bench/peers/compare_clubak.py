"""`clubak -b` on a stream, by ClusterShell's own classes: its message tree, walked into groups."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from ClusterShell.MsgTree import MsgTree
from peak import tell

tree = MsgTree()
began = time.perf_counter()
with Path(sys.argv[1]).open("rb") as stream:
    for line in stream:
        node, _, content = line.rstrip(b"\r\n").partition(b":")
        tree.add(node.strip().decode(), content)
groups = sum(1 for _ in tree.walk())
tell(time.perf_counter() - began, f"{groups} groups")
