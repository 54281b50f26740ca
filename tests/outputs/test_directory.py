"""`DIR/HOST/STEP.out` as a run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleetdiag.errors import FleetdiagError
from fleetdiag.model import HostStatus, Mode, Outcome, Playbook, Run
from fleetdiag.outputs import Ended, compared_as, load_directory
from tests.factory import make_step


def judge(ended: Ended) -> tuple[Outcome, str]:
    return (Outcome.FAILED, f"exit {ended.exit_code}") if ended.exit_code else (Outcome.OK, "")


def write(root: Path, **hosts: dict[str, str]) -> Path:
    for host, files in hosts.items():
        (root / host).mkdir(parents=True)
        for name, text in files.items():
            (root / host / name).write_text(text)
    return root


def load(root: Path, playbook: Playbook | None = None) -> Run:
    return load_directory(root, judge, playbook)


def outcomes(run: Run) -> dict[str, list[Outcome]]:
    return {host.name: [step.outcome for step in host.steps] for host in run.hosts}


def test_hosts_and_steps_are_the_directories_and_files(tmp_path: Path) -> None:
    root = write(
        tmp_path / "incident",
        web10={"dmesg.out": "x"},
        web2={"dmesg.out": "y", "dmesg.err": "e", "dmesg.rc": "3\n", "free.out": "f"},
    )
    run = load(root)
    assert [step.name for step in run.playbook.steps] == ["dmesg", "free"]
    assert all(step.compare.mode is Mode.AUTO for step in run.playbook.steps)
    assert run.playbook.name == "incident"
    assert run.id.endswith("-incident")
    assert [host.name for host in run.hosts] == ["web2", "web10"]
    first = run.hosts[0].steps[0]
    assert (first.stdout, first.stderr, first.exit_code) == (b"y", b"e", 3)
    assert first.outcome is Outcome.FAILED


def test_a_file_that_is_missing_is_a_result_with_a_reason(tmp_path: Path) -> None:
    root = write(tmp_path / "d", a={"x.out": "1", "y.out": "1"}, b={"x.out": "1"})
    run = load(root)
    assert outcomes(run)["b"] == [Outcome.OK, Outcome.NOT_RUN]
    assert run.hosts[1].steps[1].reason == "no b/y.out"
    assert run.hosts[1].status is HostStatus.OK


def test_a_host_without_any_output_is_not_run(tmp_path: Path) -> None:
    root = write(tmp_path / "d", a={"x.out": "1"}, b={}, c={"notes.md": "?"})
    run = load(root)
    assert [host.status for host in run.hosts] == [
        HostStatus.OK,
        HostStatus.NOT_RUN,
        HostStatus.NOT_RUN,
    ]
    assert run.hosts[1].reason == "no outputs in b"


def test_an_error_file_or_an_exit_code_alone_is_an_output(tmp_path: Path) -> None:
    root = write(tmp_path / "d", a={"x.err": "gone"}, b={"x.rc": "4"})
    run = load(root)
    assert [host.steps[0].stderr for host in run.hosts] == [b"gone", b""]
    assert [host.steps[0].exit_code for host in run.hosts] == [0, 4]


@pytest.mark.parametrize("text", ["", "abc", "-1", "1 2", "9" * 50])
def test_an_exit_code_that_is_none_makes_the_step_unparsed(tmp_path: Path, text: str) -> None:
    run = load(write(tmp_path / "d", a={"x.out": "1", "x.rc": text}, b={"x.out": "1"}))
    result = run.hosts[0].steps[0]
    assert (result.outcome, result.reason) == (Outcome.UNPARSED, "a/x.rc is no exit code")


def test_playbook_steps_come_first_and_other_outputs_are_not_lost(tmp_path: Path) -> None:
    root = write(tmp_path / "d", a={"x.out": "1", "b.out": "2"})
    playbook = Playbook("triage", (make_step("x", Mode.LINES), make_step("y")))
    run = load(root, playbook)
    assert run.playbook.name == "triage"
    assert [step.name for step in run.playbook.steps] == ["x", "y", "b"]
    assert outcomes(run)["a"] == [Outcome.OK, Outcome.NOT_RUN, Outcome.OK]


def test_attributes_come_from_hosts_json_and_its_hosts_must_be_there(tmp_path: Path) -> None:
    root = write(tmp_path / "d", a={"x.out": "1"}, z={"x.out": "1"})
    (root / "hosts.json").write_text('{"z": {"zone": "a"}, "gone": {"zone": "b"}}')
    run = load(root)
    assert [host.name for host in run.hosts] == ["z", "gone", "a"]
    assert run.hosts[0].attributes == {"zone": "a"}
    assert (run.hosts[1].status, run.hosts[1].reason) == (
        HostStatus.NOT_RUN,
        "no directory gone",
    )


def test_a_name_in_hosts_json_never_becomes_a_path(tmp_path: Path) -> None:
    write(tmp_path, outside={"x.out": "secret"})
    root = write(tmp_path / "d", a={"x.out": "1"})
    (root / "hosts.json").write_text('{"../outside": {}, "..": {}, "a\\u0000b": {}}')
    run = load(root)
    assert [host.status for host in run.hosts] == [*[HostStatus.NOT_RUN] * 3, HostStatus.OK]


def test_a_recorded_fleet_keeps_status_facts_and_note(tmp_path: Path) -> None:
    root = write(tmp_path / "d", a={"x.out": "1"})
    (root / "hosts.json").write_text(
        '{"note": "recorded", "hosts": {'
        '"a": {"attributes": {"zone": "1"}, "facts": {"boot_id": "b", "uptime_s": 9.5}},'
        '"b": {"status": "refused", "reason": "port 22"}}}'
    )
    run = load(root)
    assert run.note == "recorded"
    assert (run.hosts[0].facts.boot_id, run.hosts[0].facts.uptime_s) == ("b", 9.5)
    assert (run.hosts[1].status, run.hosts[1].reason) == (HostStatus.REFUSED, "port 22")


def test_facts_are_read_from_the_outputs_that_say_them(tmp_path: Path) -> None:
    files = {
        "hostname.out": "real-name\n",
        "boot-id.out": "0763a3da-dbb6-41ff-a283-346d34194704\n",
        "uptime.out": " 03:04:05 up 3 days,  4:02,  2 users,  load average: 0.1, 0.2, 0.3\n",
    }
    facts = load(write(tmp_path / "d", a=files)).hosts[0].facts
    assert facts.hostname == "real-name"
    assert facts.boot_id == "0763a3da-dbb6-41ff-a283-346d34194704"
    assert facts.uptime_s == 3 * 86_400 + 4 * 3600 + 120


@pytest.mark.parametrize(
    ("said", "uptime_s"),
    [
        ("12:00:00 up 5 min, 1 user", 300.0),
        ("12:00:00 up 1 day, 12 min", 87_120.0),
        ("12:00:00 up  1:05,", 3900.0),
        ("905.12 3500.01", 905.12),
        ("the link is up again", None),
        ("", None),
    ],
)
def test_uptime_is_read_in_its_forms(tmp_path: Path, said: str, uptime_s: float | None) -> None:
    run = load(write(tmp_path / "d", a={"uptime.out": said}))
    assert run.hosts[0].facts.uptime_s == uptime_s


# ------------------------------------------------------------------------- odd directories


def test_what_is_no_file_is_a_reason_and_never_waited_for(tmp_path: Path) -> None:
    root = write(tmp_path / "d", good={"x.out": "1"}, dir={}, fifo={}, loop={}, device={})
    (root / "dir" / "x.out").mkdir()
    os.mkfifo(root / "fifo" / "x.out")
    (root / "loop" / "x.out").symlink_to("x.out")
    (root / "device" / "x.out").symlink_to("/dev/zero")
    run = load(root)
    reasons = {host.name: host.steps[0].reason for host in run.hosts}
    assert reasons["dir"] == "dir/x.out: is a directory"
    assert reasons["fifo"] == "fifo/x.out: is no file"
    assert reasons["device"] == "device/x.out: is no file"
    assert "symbolic links" in reasons["loop"]


def test_host_links_that_lead_nowhere_are_hosts_without_outputs(tmp_path: Path) -> None:
    root = write(tmp_path / "d", a={"x.out": "1"})
    (root / "loop").symlink_to("loop")
    (root / "gone").symlink_to("nowhere")
    (root / "alias").symlink_to("a")
    (root / "README").write_text("no host")
    run = load(root)
    statuses = {host.name: host.status for host in run.hosts}
    assert statuses == {
        "a": HostStatus.OK,
        "alias": HostStatus.OK,
        "gone": HostStatus.NOT_RUN,
        "loop": HostStatus.NOT_RUN,
    }


def test_odd_names_are_hosts_like_others(tmp_path: Path) -> None:
    odd = ["with space", "new\nline", "\x1b[31mred", "ünï", "-rf", "a,b", "w[1-3]"]
    root = write(tmp_path / "d", **{name: {"x.out": "1"} for name in odd})
    (root / "bad\udcff").mkdir()
    assert {host.name for host in load(root).hosts} == {*odd, "bad\udcff"}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "no outputs, expected"),
        ({"a/x.txt": "1"}, "no outputs, expected"),
        ({"dmesg.out": "1"}, "is it the directory of one host?"),
        ({"web-01.log": "1"}, "for a file a host: fleetdiag compare"),
    ],
)
def test_a_directory_without_outputs_is_refused_in_words(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    root = tmp_path / "d"
    root.mkdir()
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    with pytest.raises(FleetdiagError, match=said.replace("?", r"\?")):
        load(root)


def test_a_directory_that_is_not_there_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(FleetdiagError, match="No such file"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": {"zone": }}', ":1:16: is no JSON: "),
        ("[1, 2]", "expected an object of hosts"),
        ('{"a": 3}', "a: expected an object of attributes, found '3'"),
        ('{"a": {"zone": ["x"]}}', "a.zone: expected a text or a number, found a list"),
        ('{"a": {}, "a": {}}', "'a' is there twice"),
        ("[" * 100_000, "is "),
        ('{"hosts": {"a": {"status": "broken"}}}', "a.status: 'broken' is none of ok, "),
    ],
)
def test_a_hosts_file_that_is_wrong_is_refused_with_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    root = write(tmp_path / "d", a={"x.out": "1"})
    (root / "hosts.json").write_text(text)
    with pytest.raises(FleetdiagError) as raised:
        load(root)
    assert said in str(raised.value)
    assert str(raised.value).startswith(str(root / "hosts.json"))


def test_values_of_attributes_are_as_written(tmp_path: Path) -> None:
    root = write(tmp_path / "d", a={"x.out": "1"})
    text = f'{{"a": {{"n": 1.50, "b": true, "none": null, "big": {"9" * 5000}}}}}'
    (root / "hosts.json").write_text(text)
    assert load(root).hosts[0].attributes == {"n": "1.50", "b": "true", "big": "9" * 5000}


def test_a_thousand_hosts_are_read(tmp_path: Path) -> None:
    root = write(tmp_path / "d", **{f"h{n}": {"x.out": str(n)} for n in range(1000)})
    run = load(root)
    assert [host.name for host in run.hosts][:3] == ["h0", "h1", "h2"]
    assert len(run.hosts) == 1000


# ------------------------------------------------------------------------------- modes


def test_modes_asked_for_come_before_those_of_steps(tmp_path: Path) -> None:
    run = load(write(tmp_path / "d", a={"x.out": "1", "y.out": "1"}))
    changed = compared_as(run, Mode.LINES, {"y": Mode.LOG})
    assert [step.compare.mode for step in changed.playbook.steps] == [Mode.LINES, Mode.LOG]
    exact = compared_as(run, None, {}, exact=True)
    assert {step.compare.unmask for step in exact.playbook.steps} == {("all",)}
    with pytest.raises(FleetdiagError, match="there is no step 'z'; there is x, y"):
        compared_as(run, None, {"z": Mode.LOG})
