"""The kernel's red flags are the same wherever a playbook reads its log."""

from fleetdiag import rules
from fleetdiag.playbook import load


def test_dmesg_and_the_previous_boot_have_the_same_flags() -> None:
    steps = {step.name: step for step in load("triage").steps}
    (dmesg,) = load("dmesg").steps

    assert dmesg.flags == steps["kernel-log"].flags == steps["previous-boot"].flags
    assert dmesg.flags == rules.load("kernel")
    assert dmesg.commands == steps["kernel-log"].commands
