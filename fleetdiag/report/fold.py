"""Host names folded as the field writes them: `web-[01-07,09]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.report.plain import printable

if TYPE_CHECKING:
    from collections.abc import Iterable


def fold(names: Iterable[str]) -> str:
    """`names` as one node set, printable; joined by commas where they cannot be one.

    ClusterShell does the folding; a result that does not unfold to the same names is not used
    (names may hold what is syntax in a node set).
    """
    hosts = list(dict.fromkeys(names))
    if len(hosts) < 2:
        return printable(hosts[0]) if hosts else ""
    folded = _node_set(hosts)
    return printable(folded if folded is not None else ",".join(hosts))


def _node_set(hosts: list[str]) -> str | None:
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

    try:
        folded = str(NodeSet.fromlist(hosts, resolver=RESOLVER_NOGROUP))
        unfolded = set(NodeSet(folded, resolver=RESOLVER_NOGROUP))
    except NodeSetException:
        return None
    return folded if unfolded == set(hosts) else None
