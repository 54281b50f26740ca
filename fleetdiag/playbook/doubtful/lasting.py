"""Commands that go on without end, or past their limit. Pure; with tables, not a proof."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fleetdiag.playbook.doubtful import tables
from fleetdiag.playbook.doubtful.commands import OPAQUE, first_operand, seconds, text_of, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tree_sitter import Node

    from fleetdiag.playbook.doubtful.commands import Command, Shell

Lasting = tuple[float | None, str] | None
"""How long a command runs, in seconds (None: without end), and in words; None: nothing is known."""
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?")

_BOUNDED = 0.5
"""Seconds below the limit that still count as within it."""


def forever(command: Command, limit_s: float) -> str | None:
    """Why the command does not end within the limit, to follow its name; None where it may."""
    found = _lasting(command)
    if found is None:
        return None
    lasts_s, words = found
    if command.within_s is not None:
        lasts_s = min(command.within_s, float("inf") if lasts_s is None else lasts_s)
        words = f"runs for {lasts_s:g} s"
    if lasts_s is None:
        return words
    over = lasts_s > limit_s - _BOUNDED
    return f"{words}, and the step's limit is {limit_s:g} s" if over else None


def _lasting(command: Command) -> Lasting:
    """How long it runs."""
    name = command.name
    if name == "timeout":
        lasts_s = seconds(first_operand(name, command.args))
        return None if lasts_s is None else (lasts_s, f"may run for {lasts_s:g} s")
    if name in tables.names("samplers"):
        return _sampler(command)
    ends = tables.words("endless").get(name)
    if ends is not None and not command.has(*ends):
        bounded = name == "yes" and any(following.name == "head" for following in command.into)
        return None if bounded else (None, "runs without end")
    if word := next((w for w in command.args if w in tables.words("watches").get(name, ())), None):
        return None, f"with `{word}` goes on without end"
    check = _LASTING.get(name)
    return check(command) if check else None


def _sampler(command: Command) -> Lasting:
    numbers = [float(word) for word in command.args if _SECONDS.fullmatch(word)]
    if not numbers or (command.name == "sar" and command.has("-f", "-s")):
        return None
    if len(numbers) == 1:
        return None, f"runs without end: say how often, `{command.name} {numbers[0]:g} 3`"
    lasts_s = numbers[-2] * max(
        0.0, numbers[-1] - (command.name != "sar" and command.name == "vmstat")
    )
    return lasts_s, f"runs for {lasts_s:g} s"


def _follow(*options: str) -> Callable[[Command], Lasting]:
    def check(command: Command) -> Lasting:
        given = next((option for option in options if command.has(option)), None)
        return (None, f"with `{given}` goes on without end") if given else None

    return check


def _logs(command: Command) -> Lasting:
    if "logs" not in command.operands[:3]:
        if command.operands[:1] == ("stats",) and not command.has("--no-stream"):
            return None, "goes on without end: add `--no-stream`"
        if command.operands[:1] == ("events",) and not command.has("--until"):
            return None, "goes on without end: add `--until`"
        if command.has("-w", "--watch") and command.operands[:1] == ("get",):
            return None, "with `-w` goes on without end"
        return None
    return _follow("-f", "--follow")(command)


def _top_rounds(command: Command) -> Lasting:
    if not command.has("-b"):
        return None  # `asks` says so
    rounds, every = command.value_of("-n"), command.value_of("-d") or "3"
    if rounds is None:
        return None, "runs without end: say how often, `top -b -n 1`"
    if re.fullmatch(r"\d{1,9}", rounds) and _SECONDS.fullmatch(every):
        lasts_s = (int(rounds) - 1) * float(every)
        return lasts_s, f"runs for {lasts_s:g} s"
    return None


def _ping(command: Command) -> Lasting:
    count, every = command.value_of("-c"), command.value_of("-i") or "1"
    deadline = command.value_of("-w")
    if deadline and _SECONDS.fullmatch(deadline):
        return float(deadline), f"runs for {deadline} s"
    if count is None:
        return None, "runs without end: say how often, `-c 3`"
    if re.fullmatch(r"\d{1,9}", count) and _SECONDS.fullmatch(every):
        lasts_s = (int(count) - 1) * float(every)
        return lasts_s, f"runs for {lasts_s:g} s"
    return None


def _sleep(command: Command) -> Lasting:
    if command.operands[:1] == ("infinity",):
        return None, "never ends"
    lasts = [seconds(word) for word in command.operands]
    if not lasts or None in lasts:
        return None
    total = sum(one for one in lasts if one is not None)
    return total, f"runs for {total:g} s"


def _zpool(command: Command) -> Lasting:
    if command.operands[:1] != ("iostat",):
        return None
    numbers = [word for word in command.args if _SECONDS.fullmatch(word)]
    return (None, "runs without end: say how often, `1 3`") if len(numbers) == 1 else None


def _tcpdump(command: Command) -> Lasting:
    if command.has("-c", "-D", "-r", "-d", "--list-interfaces"):
        return None
    return None, "runs without end: say how many packets, `-c 20`, within a `timeout`"


def _curl(command: Command) -> Lasting:
    if command.has("-m", "--max-time", "--connect-timeout") or any(
        "file://" in w for w in command.args
    ):
        return None
    if not any("://" in word or OPAQUE in word for word in command.args):
        return None
    return None, "waits for minutes where nobody answers: add `-m 3`"


def _wget(command: Command) -> Lasting:
    if command.has("-T", "--timeout", "--connect-timeout"):
        return None
    return None, "waits for minutes where nobody answers: add `-T 3`"


def _nc(command: Command) -> Lasting:
    if command.has("-w", "-h"):
        return None
    listens = command.has("-l")
    return None, "listens without end" if listens else "waits where nobody answers: add `-w 3`"


def _cat(command: Command) -> Lasting:
    endless = re.compile(r"/dev/(zero|urandom|random|kmsg|full)|/proc/kmsg|.*/trace_pipe")
    if any(map(endless.fullmatch, command.operands)) and not _headed(command):
        return None, "of what never ends goes on without end"
    return None


def _dd(command: Command) -> Lasting:
    reads = any(re.match(r"if=/dev/", word) for word in command.args)
    return (
        (None, "reads a whole device: add `count=`")
        if reads and not any("count=" in w for w in command.args)
        else None
    )


def _free(command: Command) -> Lasting:
    return (
        (None, "with `-s` runs without end: add `-c`")
        if command.has("-s") and not command.has("-c")
        else None
    )


def _ss(command: Command) -> Lasting:
    return _follow("-E", "--events")(command)


def _netstat(command: Command) -> Lasting:
    return _follow("-c", "--continuous")(command)


def _trace(command: Command) -> Lasting:
    attached = command.has("-p") or command.operands[:1] in {("top",), ("trace",)}
    bounded = "sleep" in command.args
    return (
        (None, "follows a process without end: within a `timeout`")
        if attached and not bounded
        else None
    )


def _memtester(command: Command) -> Lasting:
    return (
        (None, "runs without end: say how often, `memtester 100M 1`")
        if len(command.operands) < 2
        else None
    )


def _server(command: Command) -> Lasting:
    serves = command.has("-s", "--server") or "http.server" in command.args
    return (None, "serves without end") if serves else None


_LASTING: Mapping[str, Callable[[Command], Lasting]] = {
    "tail": _follow("-f", "-F", "--follow"),
    "journalctl": _follow("-f", "--follow"),
    "dmesg": _follow("-w", "-W", "--follow", "--follow-new"),
    **dict.fromkeys(("docker", "podman", "kubectl", "oc", "crictl", "nerdctl"), _logs),
    "top": _top_rounds,
    **dict.fromkeys(("ping", "ping6", "fping", "arping", "hping3"), _ping),
    "badblocks": lambda _: (None, "reads a whole disk, for hours"),
    "sleep": _sleep,
    "zpool": _zpool,
    **dict.fromkeys(("tcpdump", "tshark"), _tcpdump),
    "curl": _curl,
    "wget": _wget,
    **dict.fromkeys(("nc", "ncat", "netcat", "socat"), _nc),
    **dict.fromkeys(("cat", "od", "xxd", "hexdump", "strings", "base64"), _cat),
    **dict.fromkeys(("dd", "md5sum", "sha256sum"), _dd),
    "free": _free,
    "ss": _ss,
    "netstat": _netstat,
    **dict.fromkeys(("strace", "ltrace", "perf"), _trace),
    "memtester": _memtester,
    **dict.fromkeys(("iperf", "iperf3", "python3", "python"), _server),
}


def endless_loops(shell: Shell) -> Iterator[tuple[Node, str]]:
    """Loops that nothing ends: always true, or waiting for something that may never come."""
    for loop in shell.nodes("while_statement", "c_style_for_statement"):
        body = next((c for c in loop.children if c.type == "do_group"), None)
        if body is None or _leaves(body):
            continue
        head = text_of(loop)[: body.start_byte - loop.start_byte]
        word = "until" if head.startswith("until") else "while"
        condition = head.removeprefix(word).strip().rstrip(";").strip()
        always = {
            "while": {"true", ":", "[ 1 ]", "[ true ]", "((1))", "/bin/true"},
            "until": {"false", "/bin/false"},
        }
        if loop.type == "c_style_for_statement":
            if re.match(r"for\s*\(\(\s*;;\s*\)\)", head):
                yield loop, "a loop that nothing ends"
        elif condition in always[word] or condition.startswith("sleep "):
            yield loop, "a loop that nothing ends"
        elif _sleeps(body) and not re.search(r"-(lt|le|gt|ge|eq|ne)\b|\bread\b|\(\(", condition):
            yield loop, f"`{word}` waits, maybe for ever: count the rounds"


def _leaves(body: Node) -> bool:
    words = (text_of(node) for node in walk(body) if node.type == "command_name")
    return bool({"break", "exit", "return"} & set(words))


def _sleeps(body: Node) -> bool:
    return any(node.type == "command_name" and text_of(node) == "sleep" for node in walk(body))


def _headed(command: Command) -> bool:
    return any(following.name == "head" for following in command.into)
