"""What masks hide although nearly all hosts agree on it is kept."""

from __future__ import annotations

from fleetdiag.compare.own import mask_outputs
from fleetdiag.model import Compare


def masked(*outputs: str, keep: bool = True) -> list[str]:
    lines = {f"h{number}": tuple(text.split("\n")) for number, text in enumerate(outputs)}
    found = mask_outputs(lines, {}, Compare(), keep=keep).lines
    return ["\n".join(found[host]) for host in lines]


def test_an_address_that_nearly_all_have_is_kept_and_the_other_one_seen() -> None:
    found = masked(*["default via 10.0.8.1"] * 4, "default via 10.0.8.9")
    assert found == ["default via 10.0.8.1"] * 4 + ["default via 10.0.8.9"]


def test_each_host_s_own_address_beside_it_stays_masked() -> None:
    routes = [f"default via 10.0.8.1 src 10.0.8.{number}" for number in range(20, 24)]
    assert set(masked(*routes)) == {"default via 10.0.8.1 src <ip>"}


def test_addresses_of_which_none_is_common_stay_masked() -> None:
    assert set(masked(*(f"peer 10.0.8.{n % 2}" for n in range(6)))) == {"peer <ip>"}
    assert set(masked(*(f"peer 10.0.8.{n}" for n in range(6)))) == {"peer <ip>"}


def test_of_several_lines_alike_the_common_ones_are_kept_and_what_stands_in_their_place() -> None:
    usual = "10.0.0.50 db\n10.0.0.51 db"
    found = masked(usual, usual, usual, usual, "10.0.0.50 db\n10.0.0.99 db")
    assert found == [usual] * 4 + ["10.0.0.50 db\n10.0.0.99 db"]


def test_a_line_of_one_s_own_besides_the_common_ones_stays_masked() -> None:
    found = masked(*(f"10.0.0.50 x\n10.0.0.51 x\n10.0.9.{n} x" for n in range(5)))
    assert set(found) == {"10.0.0.50 x\n10.0.0.51 x\n<ip> x"}


def test_times_close_together_stay_masked_and_one_far_away_is_shown() -> None:
    times = [f"Sun Nov 22 03:04:0{n} UTC 2026" for n in range(5)]
    assert set(masked(*times)) == {"<time> UTC"}
    assert masked(*times, "Sat Nov 21 03:04:01 UTC 2026")[-1] == "Sat Nov 21 03:04:01 UTC 2026"


def test_times_that_hosts_do_not_share_stay_masked() -> None:
    boots = [f"2026-11-{day} 03:04:05 up" for day in range(10, 16)]
    assert set(masked(*boots)) == {"<time> up"}


def test_an_id_that_two_of_many_hosts_share_is_shown() -> None:
    ids = [f"{n:02d}{'3f' * 15}" for n in range(11)]
    assert set(masked(*ids)) == {"<hex>"}
    assert masked(*ids, ids[3])[-1] == ids[3]
    assert set(masked(*ids[:5], ids[3])) == {"<hex>"}


def test_in_logs_and_among_few_hosts_nothing_is_kept() -> None:
    assert set(masked(*["via 10.0.8.1"] * 5, keep=False)) == {"via <ip>"}
    assert set(masked("via 10.0.8.1", "via 10.0.8.2")) == {"via <ip>"}
