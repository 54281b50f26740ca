from __future__ import annotations

from fleetdiag.cli.check import only
from fleetdiag.model import Comparison, Finding, FindingKind, HostStatus, Playbook, Run, Severity
from tests.cli.plans import host_result


def test_only_what_concerns_the_host_counts() -> None:
    hosts = (host_result("web-1"), host_result("web-2", HostStatus.LOST))
    run = Run("id", Playbook("look", ()), hosts, 0.0, 1.0, "0", interrupted=True)
    both, peers = (
        Finding(FindingKind.RULE, Severity.WARNING, "hot", hosts=names, of=2)
        for names in (("web-1", "web-2"), ("web-2",))
    )
    kept = only(Comparison(run, (), (both, peers)), "web-1")
    assert [host.name for host in kept.run.hosts] == ["web-1"]
    assert kept.findings == (both,)
    assert kept.run.interrupted
