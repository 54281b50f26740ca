"""Host names folded as the field writes them: `web-[01-07,09]`. A leaf: knows nothing of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def folded(names: Iterable[str]) -> str:
    """`names` as one node set; joined by commas where they cannot be one.

    ClusterShell does the folding; a result that does not unfold to the same names is not used
    (names may hold what is syntax in a node set).
    """
    hosts = list(dict.fromkeys(names))
    if len(hosts) < 2:
        return hosts[0] if hosts else ""
    node_set = _node_set(hosts)
    return ",".join(hosts) if node_set is None else node_set


def _node_set(hosts: list[str]) -> str | None:
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

    try:
        text = str(NodeSet.fromlist(hosts, resolver=RESOLVER_NOGROUP))
        unfolded = set(NodeSet(text, resolver=RESOLVER_NOGROUP))
    except NodeSetException:
        return None
    return text if unfolded == set(hosts) else None
