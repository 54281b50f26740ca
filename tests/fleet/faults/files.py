"""Faults in what a host has stored or set: files, file systems, kernel parameters."""

from __future__ import annotations

from tests.fleet.host import RunningHost, Undo


def file(
    host: RunningHost, path: str, content: str = "", mode: str = "644", owner: str = "0:0"
) -> Undo:
    """Write a file on this host only."""
    kept = f"/var/lib/fleet/kept-{len(host.undo)}{path}"  # apart from an earlier fault's
    keep = 'mkdir -p "$(dirname "$1")" && if [ -e "$0" ]; then cp -a "$0" "$1"; fi'
    host.run("sh", "-c", keep, path, kept)
    host.write(path, content.encode(), mode, owner)
    restore = 'rm -f "$0" && if [ -e "$1" ]; then mv "$1" "$0"; fi'
    return lambda: host.run("sh", "-c", restore, path, kept)


def full_disk(host: RunningHost, path: str = "/srv/data") -> Undo:
    """Fill the file system at `path`; /tmp and others of the root disk get a small one first."""
    own = path != "/" and host.run("mountpoint", "-q", path, check=False).returncode != 0
    if own:
        host.run("mkdir", "-p", path)
        host.run("mount", "-t", "tmpfs", "-o", "size=1m,mode=1777", "small", path)
    filler = path.rstrip("/") + "/.filler"
    host.run("dd", "if=/dev/zero", f"of={filler}", "bs=64k", check=False)
    return lambda: host.run(*(("umount", "-l", path) if own else ("rm", filler)))


def read_only(host: RunningHost, path: str = "/") -> Undo:
    """Remount a file system read-only."""
    if host.has_systemd:  # the journal's open files would forbid it: have it write to /run
        host.run("journalctl", "--relinquish-var")
    host.run("mount", "-o", "remount,ro", path)

    def undo() -> None:
        host.run("mount", "-o", "remount,rw", path)
        if host.has_systemd:
            host.run("journalctl", "--flush")

    return undo


def sysctl(host: RunningHost, key: str, value: str) -> Undo:
    """Set a kernel parameter: net.* really, others as a file that shows the value."""
    path = "/proc/sys/" + key.replace(".", "/")
    if key.startswith("net."):
        old = host.run("cat", path).stdout
        host.run("sh", "-c", 'cat >"$0"', path, stdin=value.encode())
        return lambda: host.run("sh", "-c", 'cat >"$0"', path, stdin=old)
    # The rest of the kernel is shared by all the hosts and by this machine.
    shown = f"/var/lib/fleet/{key}"
    host.write(shown, value.encode() + b"\n")
    host.run("mount", "--bind", shown, path)
    return lambda: host.run("sh", "-c", 'umount "$0" && rm "$1"', path, shown)
