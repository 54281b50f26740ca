"""A fleet's parts put together: router, link and hosts; started, rebooted, and taken down again.

Used by the supervisor only: everything here belongs to the process that made it.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.fleet import (
    busybox_root,
    cgroups,
    claims,
    debian_root,
    delay,
    faults,
    kernellog,
    network,
    published,
)
from tests.fleet import host as host_module
from tests.fleet import namespaces as ns
from tests.fleet.host import RunningHost
from tests.fleet.identity import make_identity, rebooted
from tests.fleet.keys import make_key
from tests.fleet.spec import FleetError, FleetSpec


@dataclass
class Assembly:
    """A fleet while it runs: what the supervisor holds in its hands."""

    spec: FleetSpec
    addresses: network.Addresses
    directory: Path
    router_net: int = -1
    link_pid: int | None = None
    hosts: dict[str, RunningHost] = field(default_factory=dict)

    @property
    def private(self) -> Path:
        """What only this process and the hosts it starts see: disks, cgroups, busybox system."""
        return self.directory / "private"

    @property
    def freezer(self) -> Path:
        """The machine's freezer tree."""
        return self.private / "freezer"

    @property
    def units(self) -> Path:
        """The machine's cgroup v2 tree."""
        return self.private / "units"

    def build(self) -> None:
        """Start everything; returns once every host accepts logins. Raises FleetError, OSError."""
        ns.unshare(ns.CLONE_NEWNS)
        ns.mount("", "/", "", ns.MS_REC | ns.MS_PRIVATE)
        # One mount to let go of in the end, with all that is mounted below it.
        self.private.mkdir()
        ns.mount("private", self.private, "tmpfs", 0, "size=16m,mode=700")
        cgroups.mount_freezer(self.freezer)
        cgroups.mount_units(self.units)
        claims.clear_dead_fleets(self.freezer, self.units)
        claims.clear_cgroups(self.addresses.number, self.freezer, self.units)
        self.router_net = network.make_router(self.addresses)
        self._make_hosts()
        self.boot(list(self.hosts.values()))
        if self.spec.rtt_ms or self.spec.loss:
            self.link_pid = delay.start(
                self.addresses, self.router_net, self.spec.rtt_ms, self.spec.loss, self.spec.seed
            )
        else:
            network.link_directly(self.addresses, self.router_net)

    def boot(self, hosts: list[RunningHost]) -> None:
        """Boot hosts side by side; returns once each accepts logins."""
        leashes = []
        for host in hosts:
            leashes.append(host_module.begin_boot(host))
            network.plug_in(self.router_net, host.pid, host.identity.mac)
            self._bring_up(host)
        for leash in leashes:
            os.write(leash, b"+")
            os.close(leash)
        for host in hosts:
            host.wait_listening()
        self._publish()

    def reboot(self, host: RunningHost, down_s: float) -> None:
        """End all its processes, and boot it anew with its disk and a new boot id."""
        for name in [name for name in host.undo if not faults.survives_reboot(name)]:
            with suppress(FleetError, OSError):  # the host may have ended by itself
                host.undo.pop(name)()
        host_module.kill(host)
        time.sleep(down_s)
        host.identity = rebooted(host.identity)
        log = kernellog.boot_log(host.name, host.identity.mac, self.spec.seed)
        (host.home / "disk" / "upper" / debian_root.DMESG_FILE).write_text(log)
        self.boot([host])

    def revive(self) -> None:
        """Boot again the hosts whose first process has ended (somebody typed `reboot` there)."""
        for host in self.hosts.values():
            ended, _status = os.waitpid(host.pid, os.WNOHANG)
            if ended:
                self.reboot(host, down_s=0.5)

    def tear_down(self) -> None:
        """End every process and give everything back."""
        for host in self.hosts.values():
            cgroups.thaw(host.cgroup)
            with suppress(ProcessLookupError):
                os.kill(host.pid, signal.SIGKILL)
        if self.link_pid is not None:
            os.kill(self.link_pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while True:
                os.wait()
        network.unlink(self.addresses)
        claims.clear_cgroups(self.addresses.number, self.freezer, self.units)
        with suppress(OSError):  # not mounted yet, where the start failed early
            ns.unmount(self.private)
        published.remove(self.directory)

    def host(self, name: str) -> RunningHost:
        """The host of that name; raises FleetError with the names there are."""
        try:
            return self.hosts[name]
        except KeyError:
            known = ", ".join(self.hosts)
            raise FleetError(f"host {name!r}: this fleet has {known}") from None

    def _make_hosts(self) -> None:
        key = make_key()
        identities = [
            make_identity(
                self.spec, one, self.addresses.host(position), self.addresses.hosts[1], make_key()
            )
            for position, one in enumerate(self.spec.hosts)
        ]
        hosts_file = published.hosts_file(identities)
        busybox = self.private / "busybox"
        if any(one.kind == "dropbear" for one in self.spec.hosts):
            busybox.mkdir()
            ns.mount("busybox", busybox, "tmpfs", 0, "size=64m,mode=755")
            busybox_root.build_lower(busybox)
        name = f"{cgroups.NAME}{self.addresses.number}"
        for identity in identities:
            host = RunningHost(
                identity=identity,
                home=self.private / identity.name,
                cgroup=self.freezer / name / identity.name,
                units_cgroup=self.units / name / identity.name,
                lower=str(busybox) if identity.spec.kind == "dropbear" else debian_root.LOWER,
            )
            upper = host_module.make_disk(host)
            host.files.prepare(upper, identity, self.spec, key.public, hosts_file)
            self.hosts[identity.name] = host
        published.write_access_files(self.directory, identities, key)

    def _bring_up(self, host: RunningHost) -> None:
        """Its address and route; the device of its last boot may hold the MAC for a moment yet."""
        commands = network.host_addresses(self.addresses, host.identity.address)
        host.skip_address_probe()
        for attempt in range(100):
            try:
                host.ip(*commands)
            except FleetError:
                if attempt == 99:
                    raise
                time.sleep(0.02)
            else:
                return

    def _publish(self) -> None:
        pids = {host.name: host.pid for host in self.hosts.values()}
        published.write_state(self.directory, self.spec, self.addresses, pids)
