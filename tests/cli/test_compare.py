"""`compare` without SSH, in processes of its own: directories, files, streams."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.program import environment, fleetdiag_argv, run_program

if TYPE_CHECKING:
    from pathlib import Path

HOSTS = ["web-01", "web-02", "web-03", "web-04"]


def piped(data: bytes, *arguments: str, home: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        fleetdiag_argv("compare", *arguments),
        input=data,
        cwd=home,
        env=environment(home),
        capture_output=True,
        timeout=60,
        check=False,
    )


def write(root: Path, odd: str = "6.5.0") -> Path:
    for host in HOSTS:
        (root / host).mkdir(parents=True)
        release = odd if host == "web-03" else "6.1.0"
        (root / host / "kernel.out").write_text(f"Linux {host} {release}\n")
    return root


def report(done: subprocess.CompletedProcess[Any]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(done.stdout)
    return told


# --------------------------------------------------------------------------- directories


def test_odd_host_of_a_directory_is_found_and_exits_1(tmp_path: Path) -> None:
    write(tmp_path / "incident")
    done = run_program("compare", "incident", home=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "web-03" in done.stdout
    told = report(run_program("compare", "incident", "--format", "json", home=tmp_path))
    assert told["run"]["playbook"] == "incident"
    (finding,) = told["findings"]
    assert (finding["kind"], finding["hosts"], finding["step"]) == ("differs", ["web-03"], "kernel")


def test_equal_hosts_of_a_directory_exit_0(tmp_path: Path) -> None:
    write(tmp_path / "d", odd="6.1.0")
    assert run_program("compare", "d", home=tmp_path).returncode == 0


def test_nothing_is_stored(tmp_path: Path) -> None:
    write(tmp_path / "d")
    run_program("compare", "d", home=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_host_without_outputs_exits_3(tmp_path: Path) -> None:
    write(tmp_path / "d")
    (tmp_path / "d" / "web-05").mkdir()
    done = run_program("compare", "d", home=tmp_path)
    assert done.returncode == 3
    assert "no outputs in web-05" in done.stdout


def test_a_missing_file_is_a_finding(tmp_path: Path) -> None:
    write(tmp_path / "d", odd="6.1.0")
    (tmp_path / "d" / "web-02" / "kernel.out").rename(tmp_path / "d" / "web-02" / "other.out")
    told = report(run_program("compare", "d", "--format", "json", home=tmp_path))
    missing = [f for f in told["findings"] if f["kind"] == "missing" and f["step"] == "kernel"]
    assert [finding["hosts"] for finding in missing] == [["web-02"]]
    assert missing[0]["evidence"] == ["web-02: no web-02/kernel.out"]


def test_the_playbook_beside_the_outputs_is_used_and_another_can_be_named(tmp_path: Path) -> None:
    write(tmp_path / "d", odd="6.1.0")
    steps = "steps:\n  - name: kernel\n    run: uname -a\n    flag: [{matches: Linux, say: %s}]\n"
    (tmp_path / "d" / "playbook.yaml").write_text(steps % "Its own.")
    (tmp_path / "other.yaml").write_text(steps % "Another.")
    assert "Its own." in run_program("compare", "d", home=tmp_path).stdout
    done = run_program("compare", "d", "--playbook", "other.yaml", home=tmp_path)
    assert "Another." in done.stdout


def test_a_mode_can_be_given_for_all_and_for_one_step(tmp_path: Path) -> None:
    write(tmp_path / "d")
    ignored = run_program("compare", "d", "--as", "ignore", home=tmp_path)
    assert ignored.returncode == 0
    told = report(
        run_program("compare", "d", "--as", "kernel=lines", "--format", "json", home=tmp_path)
    )
    assert told["steps"][0]["mode"] == "lines"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["d", "--as", "fuzzy"], "'fuzzy' is no mode, expected auto, text"),
        (["d", "--as", "disk=log"], "there is no step 'disk'; there is kernel"),
        (["d", "--step", "x"], "--step is for a stream or files"),
        (["d", "d/web-01/kernel.out"], "is a directory: one DIR, or files, not both"),
        (["d/web-01"], "is it the directory of one host?"),
        (["d/web-01/kernel.out", "--playbook", "triage"], "--playbook is for a DIR"),
        (["d", "--peers", "role"], "no host has the attribute 'role'; no host has any"),
        (["d", "--param", "a=b"], "--param is for a playbook"),
        (["-", "d/web-01/kernel.out"], "- reads standard input alone"),
        (["-"], "no line `host: text` on standard input"),
        ([], "Missing argument"),
    ],
)
def test_wrong_use_exits_2_in_words(tmp_path: Path, arguments: list[str], said: str) -> None:
    write(tmp_path / "d")
    done = run_program("compare", *arguments, home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_wrong_hosts_file_exits_2_with_its_place(tmp_path: Path) -> None:
    write(tmp_path / "d")
    (tmp_path / "d" / "hosts.json").write_text('{\n  "web-01": {"zone" "a"}\n}')
    done = run_program("compare", "d", home=tmp_path)
    assert done.returncode == 2
    assert "d/hosts.json:2:21: is no JSON" in done.stderr


def test_peers_are_compared_among_themselves(tmp_path: Path) -> None:
    root = tmp_path / "d"
    for role, release in (("web", "6.1.0"), ("db", "6.5.0")):
        for number in range(4):
            host = root / f"{role}-{number}"
            host.mkdir(parents=True)
            (host / "kernel.out").write_text(release)
    roles = {f"{role}-{n}": {"role": role} for role in ("web", "db") for n in range(4)}
    (root / "hosts.json").write_text(json.dumps(roles))
    assert run_program("compare", "d", home=tmp_path).returncode == 1
    assert run_program("compare", "d", "--peers", "role", home=tmp_path).returncode == 0


def test_a_directory_can_be_set_against_an_earlier_one(tmp_path: Path) -> None:
    write(tmp_path / "before", odd="6.1.0")
    write(tmp_path / "after")
    done = run_program(
        "compare", "after", "--baseline", "before", "--format", "json", home=tmp_path
    )
    changed = [f for f in report(done)["findings"] if f["kind"] == "changed"]
    assert [finding["hosts"] for finding in changed] == [["web-03"]]


# ------------------------------------------------------------------------- files, streams


def test_files_are_a_host_each(tmp_path: Path) -> None:
    (tmp_path / "console").mkdir()
    for host in HOSTS:
        text = "panic" if host == "web-02" else "login:"
        (tmp_path / "console" / f"{host}.log").write_text(text)
    files = [f"console/{host}.log" for host in HOSTS]
    told = report(run_program("compare", *files, "--format", "json", home=tmp_path))
    assert [host["name"] for host in told["hosts"]] == HOSTS
    assert told["steps"][0]["name"] == "console"
    assert told["findings"][0]["hosts"] == ["web-02"]


def test_a_stream_of_short_answers_is_grouped_and_the_findings_follow(tmp_path: Path) -> None:
    data = b"".join(b"%s: 6.%d\n" % (h.encode(), h == "web-03") for h in HOSTS)
    done = piped(data, "-", home=tmp_path)
    text = done.stdout.decode()
    assert done.returncode == 1
    assert "web-[01-02,04] (3)" in text
    assert text.index("web-03 (1)") < text.index("FINDINGS")


def test_a_stream_of_long_answers_is_reported(tmp_path: Path) -> None:
    lines = [b"%s: line %d\n" % (host.encode(), n) for host in HOSTS for n in range(300)]
    text = piped(b"".join(lines), "-", home=tmp_path).stdout.decode()
    assert "Nothing odd" in text
    grouped = piped(b"".join(lines), "-", "--groups", home=tmp_path).stdout.decode()
    assert "line 299" in grouped


def test_lines_without_a_host_are_a_warning_with_their_numbers(tmp_path: Path) -> None:
    done = piped(b"a: 1\nstray\x1b[31m line\nb: 1\n", "-", home=tmp_path)
    assert done.returncode == 0
    assert done.stderr.decode().splitlines() == [
        "Warning: 1 lines without a leading `host:` do not count:",
        "  line 2: stray line",
    ]


def test_hostile_bytes_never_reach_the_terminal(tmp_path: Path) -> None:
    data = b"a: \x1b]0;title\x07\x00\xff\xe2\x80\xae\nb: fine\nc: fine\n" + b"x\x1b[2J: y\n"
    for flags in ([], ["--exact"], ["-v", "--no-groups"], ["--format", "markdown"]):
        done = piped(data, "-", *flags, home=tmp_path)
        said = (done.stdout + done.stderr).decode("utf-8")
        assert not {c for c in said if ord(c) < 32 and c != "\n"} | {"\u202e"} & set(said)
        assert "Traceback" not in said


LINES = st.sampled_from([b"", b" ", b"x", b"x ", b"a: b", b"\xff", b"\t", b"1.2.3.4", b"\x1b[0m"])


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.dictionaries(
        st.sampled_from([*HOSTS, "db1", "db2"]), st.lists(LINES, min_size=1, max_size=3), min_size=2
    ),
    st.randoms(),
)
def test_exact_groups_are_those_of_clubak(
    tmp_path: Path, said: dict[str, list[bytes]], chance: random.Random
) -> None:
    left = [(host, line) for host, lines in said.items() for line in lines]
    queues = {host: iter(lines) for host, lines in said.items()}
    order = [host for host, _ in left]
    chance.shuffle(order)
    data = b"".join(host.encode() + b": " + next(queues[host]) + b"\n" for host in order)
    done = piped(data, "-", "--exact", "--format", "json", home=tmp_path)
    ours = {frozenset(group["hosts"]) for group in report(done)["steps"][0]["groups"]}
    assert ours == gathered_by_clubak(data)


def gathered_by_clubak(data: bytes) -> set[frozenset[str]]:
    """The headers that `clubak -b` prints, unfolded."""
    from ClusterShell.NodeSet import NodeSet

    done = subprocess.run(
        [sys.executable, "-c", "from ClusterShell.CLI.Clubak import main; main()", "-b"],
        input=data,
        capture_output=True,
        check=True,
    )
    # A header between two rules, then the output, up to the next rule.
    _, *blocks = f"\n{done.stdout.decode(errors='replace')}".split(f"\n{'-' * 15}\n")
    return {frozenset(NodeSet(header.partition(" (")[0])) for header in blocks[::2]}
