"""Faults planted in a host's kernel log (`kernellog` says why it is a file)."""

from __future__ import annotations

from tests.fleet import kernellog
from tests.fleet.host import RunningHost, Undo


def kernel_panic(host: RunningHost) -> Undo:
    """Append a page fault that ends in a panic to the host's kernel log."""
    return _append_log(host, kernellog.panic_log(host.uptime_s()))


def oom(host: RunningHost) -> Undo:
    """Append an out-of-memory kill to the host's kernel log."""
    return _append_log(host, kernellog.oom_log(host.uptime_s()))


def kernel_log(host: RunningHost, text: str, level: int = 4) -> Undo:
    """Append one line of your own to the host's kernel log."""
    return _append_log(host, kernellog.log_line(level, host.uptime_s(), text))


def _append_log(host: RunningHost, lines: str) -> Undo:
    path = "/" + host.files.DMESG_FILE
    old = host.run("cat", path).stdout
    host.run("sh", "-c", 'cat >>"$0"', path, stdin=lines.encode())
    return lambda: host.run("sh", "-c", 'cat >"$0"', path, stdin=old)
