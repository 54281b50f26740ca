from __future__ import annotations

from dataclasses import replace

from fleetdiag.cli.dry_run import dry_run_text, limits_text, login_text, via_text
from fleetdiag.model import Endpoint, Host, Limits, Step, TransportKind
from tests.cli.plans import STEPS, local_host, plan_of, ssh_host

BASTION = Endpoint(name="gate", address="gate.example", port=2222, user="jump")


def test_dry_run_says_who_what_in_which_order_and_the_limits() -> None:
    hosts = [ssh_host(f"web-{n:02}", address=f"192.0.2.{n}", via=(BASTION,)) for n in (1, 2, 3)]
    plan = replace(plan_of(hosts), fanout=2, note="recorded on a Monday")
    assert dry_run_text(plan).splitlines() == [
        "Dry run: no host is contacted, nothing is stored.",
        "recorded on a Monday",
        "",
        "Hosts (3, 2 at once, in this order): web-[01-03]",
        "",
        "host    login          via",
        "------  -------------  ----------------------",
        "web-01  ada@192.0.2.1  jump@gate.example:2222",
        "web-02  ada@192.0.2.2  jump@gate.example:2222",
        "web-03  ada@192.0.2.3  jump@gate.example:2222",
        "",
        "Playbook look: the steps on each host, in this order",
        "",
        "  1. load (at most 10 s)",
        "     $  cat /proc/loadavg",
        "     or uptime",
        "  2. disk (at most 2.5 s)",
        "     $  df -P",
        "        df -iP",
        "",
        "Limits: connect 10 s, banner 10 s, login 20 s, one host the steps' own, whole run none",
    ]


def test_dry_run_says_which_steps_go_through_sudo() -> None:
    steps = (replace(STEPS[0], become=True), STEPS[1])
    assert "1 of 2 steps" in dry_run_text(plan_of([local_host("here")], steps))
    both = tuple(replace(step, become=True) for step in STEPS)
    assert "all steps" in dry_run_text(plan_of([local_host("here")], both))


def test_control_characters_of_a_playbook_stay_off_the_terminal() -> None:
    steps = (Step(name="evil\x1b[2J", commands=("echo \x07\x9b31m",), become=False),)
    text = dry_run_text(plan_of([local_host("here")], steps))
    assert text.replace("\n", "").isprintable()


def test_login_names_port_and_transport_only_where_unusual() -> None:
    assert login_text(ssh_host("web")) == "ada@192.0.2.7"
    assert login_text(ssh_host("web", port=2200, address="2001:db8::7")) == "ada@[2001:db8::7]:2200"
    assert login_text(local_host("here")) == "(local)"
    openssh = replace(ssh_host("web"), transport=TransportKind.OPENSSH)
    assert login_text(openssh) == "ada@192.0.2.7 (openssh)"


def test_via_is_bastions_in_order_or_the_proxy_command() -> None:
    inner = replace(BASTION, address="inner", port=22)
    assert via_text(ssh_host("web", via=(BASTION, inner))) == "jump@gate.example:2222, jump@inner"
    assert via_text(ssh_host("web", proxy_command="nc a 22")) == "command: nc a 22"
    assert via_text(Host(name="recorded", transport=TransportKind.REPLAY)) == ""


def test_limits_are_in_words() -> None:
    text = limits_text(Limits(connect_s=2.5, host_s=30.0, run_s=60.0))
    assert text == "connect 2.5 s, banner 10 s, login 20 s, one host 30 s, whole run 60 s"
