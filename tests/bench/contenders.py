"""Ten commands on each host: fleetdiag and its peers, each as a process of its own.

A contender is what its users would type or write for this task, in its best form: whoever can take
all commands on one line gets them so, and a pool is as large as the fleet. All log in with the same
key, the same known_hosts and curve25519-sha256, but for the row that says otherwise.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile

from fleetdiag import archive
from tests.fleet import Fleet

COMMAND = "cat /proc/loadavg"
KEX = "curve25519-sha256"
PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one start of a contender took."""

    whole_s: float
    inside_s: float | None
    """As the contender itself measured, from the first connection to the last result."""
    cpu_s: float
    """User and system time of it and of the children it waited for: `ssh` processes too."""
    peak_mb: float
    """The largest process of them."""


@dataclass(frozen=True, slots=True)
class Task:
    """The hosts and what to log in with; files in `directory`."""

    fleet: Fleet
    directory: Path
    names: Mapping[str, str]
    """Host -> address; several names may stand for one address."""
    steps: int
    fanout: int = 256
    """At most so many hosts at once, for everyone."""
    files: dict[str, Path] = field(default_factory=dict)

    def write(self) -> None:
        """The files that contenders read."""
        lines = "".join(f"  - s{number}: {COMMAND}\n" for number in range(self.steps))
        targets = {
            "hosts": self.names,
            "key": str(self.fleet.key_path),
            "known_hosts": str(self.fleet.known_hosts_path),
            "commands": [COMMAND] * self.steps,
            "fanout": self.fanout,
            "kex": KEX,
        }
        login = (
            f"user: root\nidentity_file: {self.fleet.key_path}\n"
            f"known_hosts: {self.fleet.known_hosts_path}\n"
        )
        addresses = "".join(f"  {n}: {{address: {a}}}\n" for n, a in self.names.items())
        options = (
            f"User root\nIdentityFile {self.fleet.key_path}\nIdentitiesOnly yes\n"
            f"UserKnownHostsFile {self.fleet.known_hosts_path}\nGlobalKnownHostsFile /dev/null\n"
            f"StrictHostKeyChecking yes\nBatchMode yes\nConnectionAttempts 1\n"
        )
        config = "".join(f"Host {n}\nHostName {a}\n" for n, a in self.names.items())
        contents = {
            "playbook.yaml": f"name: bench\nsteps:\n{lines}",
            "targets.json": json.dumps(targets),
            "inventory.yaml": f"defaults:\n{_indented(login)}hosts:\n{addresses}",
            "ssh_config": f"{config}Host *\n{options}",
            "ssh_config_kex": f"{config}Host *\n{options}KexAlgorithms {KEX}\n",
            "names": "\n".join(self.names) + "\n",
            "inventory.ini": "\n".join(self.names) + "\n",
            "pyinfra_hosts.py": f"bench = {list(self.names)}\n",
        }
        for name, content in contents.items():
            self.files[name] = self.directory / name
            self.files[name].write_text(content)

    @property
    def line(self) -> str:
        """All commands on one line."""
        return "; ".join([COMMAND] * self.steps)


Contender = Callable[[], Cost]


def contenders(
    task: Task, peers: str | None = None, wanted: list[str] | None = None
) -> dict[str, Contender]:
    """Name -> what runs it once; of the peers those that are installed.

    Args:
        task: what all of them do.
        peers: the directory of an environment that they are installed in; None: this one.
        wanted: parts of the names of peers; None: all.
    """
    task.write()
    files, fanout = task.files, str(min(task.fanout, len(task.names)))
    bin_ = Path(peers or sys.prefix) / "bin"
    scripts = {
        "asyncssh, a channel a command": "asyncssh_channels",
        "paramiko, a channel a command": "paramiko_channels",
        "fabric, a channel a command": "fabric_channels",
        "parallel-ssh, a channel a command": "pssh_channels",
    }
    ssh = f"ssh -F {files['ssh_config_kex']}"
    one_line: dict[str, list[str]] = {
        "clush, all commands on one line": [
            *(str(bin_ / "clush"), "-f", fanout, "--hostfile", str(files["names"])),
            *("-O", f"ssh_path={ssh}", "-L", task.line),
        ],
        "agree, all commands on one line": [
            *(str(bin_ / "agree"), "--jobs", fanout, "--servers", str(files["names"])),
            *("--ssh", ssh, "--loose", "--yes", "--", task.line),
        ],
        "pyinfra, all commands on one line": [
            *(str(bin_ / "pyinfra"), "-v", "-y", "--parallel", fanout),
            *("--data", f"ssh_config_file={files['ssh_config_kex']}"),
            *("--data", f"ssh_known_hosts_file={task.fleet.known_hosts_path}"),
            *(str(files["pyinfra_hosts.py"]), "exec", "--", task.line),
        ],
        # Its own ssh arguments would leave a connection open for the next start to use.
        "Ansible raw, all commands on one line": [
            *(str(bin_ / "ansible"), "all", "-i", str(files["inventory.ini"]), "-f", fanout),
            *("-e", f"ansible_ssh_args='-F {files['ssh_config_kex']}'", "-m", "raw"),
            *("-a", task.line),
        ],
    }
    found: dict[str, Contender] = {"fleetdiag": lambda: _ours(task)}
    for name, script in scripts.items():
        package = name.split(",")[0].replace("parallel-ssh", "pssh")
        tried = subprocess.run(
            [bin_ / "python", "-c", f"import {package}"], check=False, capture_output=True
        )
        if tried.returncode:
            print(f"{package} is not installed: left out", file=sys.stderr)
            continue
        argv = [str(bin_ / "python"), str(PEERS / f"{script}.py"), str(files["targets.json"])]
        found[name] = _starting(task, argv, len(task.names))
    for name, argv in one_line.items():
        if not Path(argv[0]).exists():
            print(f"{argv[0]} is not there: left out", file=sys.stderr)
        else:
            found[name] = _starting(task, argv, None, len(task.names) * task.steps)
    found["`ssh` in a shell loop, all commands on one line"] = _loop(task, "ssh_config_kex")
    found["the same, OpenSSH's default key exchange"] = _loop(task, "ssh_config")
    if wanted is None:
        return found
    return {n: c for n, c in found.items() if n == "fleetdiag" or any(w in n for w in wanted)}


def _ours(task: Task) -> Cost:
    argv = [sys.executable, "-m", "fleetdiag", "run", str(task.files["playbook.yaml"])]
    argv += ["-i", str(task.files["inventory.yaml"]), "--fanout", str(task.fanout)]
    argv += ["--save", str(task.directory / "runs"), "--fail-on", "critical"]
    cost, said = _run(argv, task.directory)
    (stored,) = (task.directory / "runs").iterdir()
    run = archive.load(stored)
    stored.unlink()
    _expect(all(host.status == "ok" for host in run.hosts), said)
    _expect(len(run.hosts) == len(task.names), said)
    last = max(host.started_at + host.duration_s for host in run.hosts)
    inside_s = last - min(host.started_at for host in run.hosts)
    return Cost(cost.whole_s, inside_s, cost.cpu_s, cost.peak_mb)


def _starting(task: Task, argv: list[str], hosts: int | None, lines: int = 0) -> Contender:
    """`hosts`: of a script that prints its own seconds; else so many lines of output are due."""

    def start() -> Cost:
        cost, said = _run(argv, task.directory)
        if hosts is None:
            _expect(said.count("/") >= lines or "agree" in argv[0], f"{argv[0]}: {said[-500:]}")
            return cost
        return Cost(cost.whole_s, float(said.split()[0]), cost.cpu_s, cost.peak_mb)

    return start


def _loop(task: Task, config: str) -> Contender:
    """`ssh` for every host in the background of one shell."""
    ssh = f"ssh -F {task.files[config]}"
    line = shlex.quote(task.line)
    starts = [f"{ssh} {name} {line} & p{n}=$!" for n, name in enumerate(task.names)]
    waits = [f"wait $p{n} || exit 1" for n in range(len(task.names))]
    script = task.directory / f"loop-{config}.sh"
    script.write_text("\n".join([*starts, *waits]) + "\n")
    return _starting(task, ["sh", str(script)], None, len(task.names) * task.steps)


def _run(argv: list[str], cwd: Path) -> tuple[Cost, str]:
    """One start: what it took, and what it printed."""
    with TemporaryFile() as output, TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, cwd=cwd
        )
        _, status, used = os.wait4(process.pid, 0)
        whole_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        said, complaint = output.read().decode(errors="replace"), errors.read().decode()
    _expect(process.returncode == 0, f"{argv[0]}: {complaint[-500:]}{said[-500:]}")
    cost = Cost(whole_s, None, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)
    return cost, said + complaint


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def _expect(holds: bool, said: str) -> None:
    if not holds:
        raise SystemExit(f"a contender failed: {said}")
