"""What `--dry-run` says: who, what, in which order, within which limits. Pure text, no contact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetdiag.cli.screen import fold, visible

if TYPE_CHECKING:
    from fleetdiag.model import Endpoint, Host, HostPlan, Limits, Plan, Step


def dry_run_text(plan: Plan) -> str:
    """The plan in words and tables; control characters in names made visible."""
    names = [each.host.name for each in plan.hosts]
    note = [visible(plan.note)] if plan.note else []
    return "\n".join(
        [
            "Dry run: no host is contacted, nothing is stored.",
            *note,
            "",
            f"Hosts ({len(names)}, {plan.fanout} at once, in this order): {fold(names)}",
            "",
            _hosts_table(plan.hosts),
            "",
            f"Playbook {plan.playbook.name}: the steps on each host, in this order",
            "",
            *_steps_lines(plan),
            "",
            f"Limits: {limits_text(plan.limits)}",
        ]
    )


def _hosts_table(plans: tuple[HostPlan, ...]) -> str:
    from tabulate import tabulate

    rows = [
        {
            "host": visible(plan.host.name),
            "login": visible(login_text(plan.host)),
            "via": visible(via_text(plan.host)),
            "sudo": _sudo_text(plan.steps),
        }
        for plan in plans
    ]
    shown = [name for name in ("host", "login", "via", "sudo") if any(row[name] for row in rows)]
    cells = [[row[name] for name in shown] for row in rows]
    return tabulate(cells, headers=shown, disable_numparse=True)


def login_text(host: Host) -> str:
    """`admin@10.0.0.7:2222 (openssh)`; the port and the transport where they are not the usual."""
    if host.endpoint is None:
        return f"({host.transport})"
    kind = "" if host.transport == "ssh" else f" ({host.transport})"
    return f"{_place(host.endpoint)}{kind}"


def via_text(host: Host) -> str:
    """Bastions in the order they are passed, or the proxy command; empty for neither."""
    if host.endpoint is None:
        return ""
    if host.endpoint.proxy_command:
        return f"command: {host.endpoint.proxy_command}"
    return ", ".join(_place(bastion) for bastion in host.endpoint.via)


def _place(endpoint: Endpoint) -> str:
    address = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
    port = "" if endpoint.port == 22 else f":{endpoint.port}"
    return f"{endpoint.user}@{address}{port}"


def _sudo_text(steps: tuple[Step, ...]) -> str:
    with_sudo = sum(bool(step.become) for step in steps)
    if with_sudo in (0, len(steps)):
        return "all steps" if with_sudo else ""
    return f"{with_sudo} of {len(steps)} steps"


def _steps_lines(plan: Plan) -> list[str]:
    """Each step with its number, its limit and its commands; a fallback is marked `or`."""
    from fleetdiag.compare.clean import clean_text

    lines = []
    for number, step in enumerate(plan.playbook.steps, start=1):
        lines.append(f"{number:3}. {visible(step.name)} (at most {step.timeout_s:g} s)")
        for position, command in enumerate(step.commands):
            first, *more = command.rstrip("\n").split("\n")
            lines.append(f"     {'or ' if position else '$  '}{clean_text(first)}")
            lines += [f"        {clean_text(line)}" for line in more]
    return lines


def limits_text(limits: Limits) -> str:
    """`connect 10 s, banner 10 s, login 20 s, whole run none`."""
    named = {
        "connect": limits.connect_s,
        "banner": limits.banner_s,
        "login": limits.auth_s,
        "one host": limits.host_s,
        "whole run": limits.run_s,
    }
    without = {"one host": "the steps' own", "whole run": "none"}
    return ", ".join(
        f"{name} {without.get(name, 'none') if value is None else f'{value:g} s'}"
        for name, value in named.items()
    )
