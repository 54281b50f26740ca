"""Nothing a host says leaves its cell or its fence."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from fleetdiag.compare import compare
from fleetdiag.model import HostStatus
from fleetdiag.report import ReportOptions, render
from fleetdiag.report.markdown import escape, fence
from tests.factory import make_host, make_run, names
from tests.report.scenarios import SCENARIOS


def test_a_cell_cannot_open_another_cell_a_tag_or_a_link() -> None:
    assert escape("a|b\n`c` <img> [x](y)") == r"a\|b^J\`c\` &lt;img&gt; \[x\]\(y\)"


@given(st.lists(st.text(st.sampled_from("`~ a\n"), max_size=30), max_size=5))
def test_a_fence_is_longer_than_any_run_of_backticks_in_it(lines: list[str]) -> None:
    opening, *inner, closing = fence(lines).split("\n")
    assert opening == f"{closing}text"
    assert len(inner) == len(lines)
    assert not any(closing in line for line in inner)


def test_hostile_hosts_leave_the_table_in_shape() -> None:
    hosts = [make_host(host, {"s": "x"}) for host in names("web-", 3)]
    hosts.append(make_host("a|b", status=HostStatus.LOST, reason="| x |\n| y |"))
    text = render(compare(make_run(hosts)), "markdown")
    (row,) = [line for line in text.split("\n") if line.startswith("| lost")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 4


def test_a_host_keeps_only_its_own_findings_and_differences() -> None:
    comparison = compare(SCENARIOS["panic_on_ten"]())
    text = render(comparison, "markdown", options=ReportOptions(host="web-12"))
    assert "sysctl differs" in text
    assert "panicked" not in text
