"""The Dask engine on a scheduler and workers that are real processes, on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fleetdiag.errors import EngineError
from fleetdiag.executor import dask as engine_module
from fleetdiag.executor import dask_scheduler, run_hosts
from fleetdiag.executor.dask import Dask
from fleetdiag.model import (
    Event,
    Host,
    HostFinished,
    HostResult,
    HostStarted,
    HostStatus,
    Limits,
    OnEvent,
    Outcome,
    Plan,
    Playbook,
    Step,
    StepFinished,
    TransportKind,
    read_output,
)
from fleetdiag.plan import make_plan
from fleetdiag.transport import Secrets, open_transport
from tests.executor.clusters import Cluster
from tests.executor.test_processes import STEPS, timeless
from tests.fleet.loopback import LoopbackSshd
from tests.transport.logins import loopback_host

WHERE = Step("where", ("echo $WORKER",))
SLOW = Playbook("slow", (WHERE, Step("second", ("sleep 0.4; echo done",))))
# Ours, and nobody else's who runs these tests now; a client that is started here has it too.
MINE = f"4325.{os.environ.setdefault('ENDLESS_OF', str(os.getpid()))}"
ENDLESS = Playbook("endless", (WHERE, Step("long", (f"sleep {MINE}",), 60)))


def hosts(count: int, **attributes: str) -> list[Host]:
    return [Host(f"h{n:02}", TransportKind.LOCAL, attributes=attributes) for n in range(count)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A worker in eu, and one that is anywhere."""
    with Cluster({"eu": "region:eu", "any": ""}) as running:
        yield running


@pytest.fixture
def doomed() -> Iterator[Cluster]:
    """Two workers that may be killed: `a` and `b`."""
    with Cluster({"a": "", "b": ""}) as running:
        yield running


def ran(
    cluster: Cluster,
    plan: Plan,
    on_event: OnEvent = lambda _event: None,
    stop: threading.Event | None = None,
) -> tuple[dict[str, HostResult], bool]:
    with closing(Dask(plan, open_transport, cluster.on)) as engine:
        results, interrupted = run_hosts(plan, engine, on_event, stop=stop)
    assert [result.name for result in results] == [each.host.name for each in plan.hosts]
    return {result.name: result for result in results}, interrupted


def killing(doomed: Cluster, at: int, events: list[Event]) -> Callable[[Event], None]:
    """Kills the worker that told the step `where` for the `at`th time."""

    def on_event(event: Event) -> None:
        events.append(event)
        told = [e for e in events if isinstance(e, StepFinished) and e.step.name == "where"]
        if len(told) == at and told[-1] is event:
            doomed.workers[read_output(told[-1].step.stdout).decode().strip()].kill()

    return on_event


def told_once(events: list[Event], names: list[str]) -> bool:
    begun = Counter(e.host for e in events if isinstance(e, HostStarted))
    steps = Counter((e.host, e.step.name) for e in events if isinstance(e, StepFinished))
    done = Counter(e.result.name for e in events if isinstance(e, HostFinished))
    return max((*begun.values(), *steps.values())) == 1 and done == Counter(names)


def test_results_and_events_are_those_of_the_thread_engine(cluster: Cluster) -> None:
    plan = make_plan(hosts(6, role="web"), Playbook("p", STEPS))
    with closing(open_transport(plan)) as transport:
        expected, _ = run_hosts(plan, transport, lambda _event: None)
    events: list[Event] = []
    threads = set()

    def on_event(event: Event) -> None:
        threads.add(threading.current_thread())
        events.append(event)

    results, interrupted = ran(cluster, plan, on_event)
    assert not interrupted
    assert [timeless(r) for r in results.values()] == [timeless(r) for r in expected]
    assert {r.status for r in expected} == {HostStatus.OK}
    assert threads == {threading.current_thread()}
    assert told_once(events, list(results))
    assert sum(isinstance(event, StepFinished) for event in events) == 6 * len(STEPS)


def test_steps_are_told_while_their_host_goes_on(cluster: Cluster) -> None:
    plan = make_plan(hosts(1), Playbook("p", (WHERE, Step("long", ("sleep 1.5",)))))
    at: dict[type, float] = {}

    def on_event(event: Event) -> None:
        at.setdefault(type(event), time.monotonic())

    ran(cluster, plan, on_event)
    assert at[HostFinished] - at[StepFinished] > 1


def test_hosts_go_to_the_worker_of_their_region_and_others_anywhere(cluster: Cluster) -> None:
    names = [*("eu",) * 4, *("us",) * 3]
    some = [
        replace(host, attributes={"region": r}) for host, r in zip(hosts(7), names, strict=True)
    ]
    plan = make_plan(some, Playbook("p", (WHERE,)))
    with closing(Dask(plan, open_transport, cluster.on)) as engine:
        results, _ = run_hosts(plan, engine, lambda _event: None)
        assert engine.notes == ("region=us: no worker is for it; 3 hosts go to any",)
    told = [result.steps[0].stdout for result in results]
    assert told == [*[b"eu\n"] * 4, *[b"any\n"] * 3]


def test_a_killed_worker_loses_and_doubles_nothing(doomed: Cluster) -> None:
    plan = make_plan(hosts(16), SLOW, fanout=8)
    events: list[Event] = []
    results, _ = ran(doomed, plan, killing(doomed, 6, events))

    assert {(result.status, result.reason) for result in results.values()} == {("ok", "")}
    assert all([s.outcome for s in r.steps] == [Outcome.OK] * 2 for r in results.values())
    assert told_once(events, list(results))
    assert sum(worker.poll() is not None for worker in doomed.workers.values()) == 1
    before = {e.host: e.step.stdout for e in events if isinstance(e, StepFinished)}
    assert len(before) == 16


def test_without_a_worker_left_each_host_is_named_with_what_it_had(
    doomed: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_RETURN_S", 0.5)
    plan = make_plan(hosts(4), ENDLESS, fanout=2)
    doomed.workers["b"].kill()
    doomed.workers["b"].wait()
    results, _ = ran(doomed, plan, killing(doomed, 1, []))
    first = next(r for r in results.values() if r.steps[0].outcome is Outcome.OK)

    assert {result.status for result in results.values()} == {HostStatus.NOT_RUN}
    assert first.steps[0].stdout == b"a\n"
    assert first.reason.startswith("the Dask worker tcp://127.0.0.1:")
    assert first.reason.endswith("and no other is left, during step long")


def test_workers_that_all_left_before_the_run_are_told_and_nothing_hangs(
    doomed: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_RETURN_S", 0.5)
    plan = make_plan(hosts(2), SLOW)
    with closing(Dask(plan, open_transport, doomed.on)) as engine:
        for worker in doomed.workers.values():
            worker.kill()
            worker.wait()
        time.sleep(0.5)
        results, _ = run_hosts(plan, engine, lambda _event: None)
    assert {result.status for result in results} == {HostStatus.NOT_RUN}
    assert all(result.reason for result in results)


FILES = """
import resource, sys
from fleetdiag.executor.dask_worker import _allow_files
soft, hard, fanout = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
_allow_files(fanout)
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "fanout", "expected"),
    [(1024, 4096, 64, "1024 4096"), (1024, 8192, 500, "4256 8192"), (256, 2048, 500, "2048 2048")],
)
def test_a_worker_raises_its_limit_of_open_files_as_far_as_it_needs_and_may(
    soft: int, hard: int, fanout: int, expected: str
) -> None:
    argv = [sys.executable, "-c", FILES, str(soft), str(hard), str(fanout)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


def test_without_its_scheduler_a_run_ends_soon_and_keeps_what_was_told(
    doomed: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    def on_event(event: Event) -> None:
        if isinstance(event, StepFinished):
            doomed.scheduler.kill()

    results, interrupted = ran(doomed, make_plan(hosts(3), ENDLESS), on_event)
    assert not interrupted
    assert {result.status for result in results.values()} == {HostStatus.NOT_RUN}
    assert any(result.steps[0].outcome is Outcome.OK for result in results.values())
    assert all("lost" in result.reason for result in results.values())
    assert capfd.readouterr().err == ""
    assert not sleeping(within_s=5)


def test_what_may_not_be_repeated_is_not_where_its_worker_was_killed(doomed: Cluster) -> None:
    steps = (WHERE, replace(SLOW.steps[1], repeatable=False))
    plan = make_plan(hosts(4), Playbook("p", steps), fanout=4)
    results, _ = ran(doomed, plan, killing(doomed, 1, []))
    lost = [result for result in results.values() if result.status is not HostStatus.OK]
    assert len(lost) == 2, "those of one worker"
    assert {result.status for result in lost} == {HostStatus.NOT_RUN}
    assert all(result.steps[1].outcome is Outcome.NOT_RUN for result in lost)


def test_stopping_keeps_what_is_there_and_names_the_step_that_ran(cluster: Cluster) -> None:
    stop = threading.Event()
    plan = make_plan(hosts(3), ENDLESS, fanout=2)
    results, interrupted = ran(
        cluster, plan, lambda e: stop.set() if isinstance(e, StepFinished) else None, stop
    )
    assert interrupted
    assert Counter(result.status.value for result in results.values()) == {
        "cancelled": 2,
        "not-run": 1,
    }
    assert "during step long" in {result.reason for result in results.values()}
    assert not sleeping(within_s=5)


def test_the_deadline_of_the_run_ends_it_and_is_named(cluster: Cluster) -> None:
    plan = make_plan(hosts(2), ENDLESS, limits=Limits(run_s=1))
    results, interrupted = ran(cluster, plan)
    assert not interrupted
    assert {(r.status, r.reason) for r in results.values()} == {
        (HostStatus.TIMED_OUT, "the run's deadline of 1 s passed during step long")
    }


CLIENT = """
import sys
from fleetdiag.executor import run_hosts
from fleetdiag.executor.dask import Dask
from fleetdiag.plan import make_plan
from fleetdiag.transport import open_transport
from tests.executor.test_dask import ENDLESS, hosts
plan = make_plan(hosts(2), ENDLESS)
run_hosts(plan, Dask(plan, open_transport, sys.argv[1]), lambda event: print(event, flush=True))
"""


def test_the_client_s_death_ends_what_its_workers_run(cluster: Cluster) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CLIENT, cluster.on],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as client:
        assert client.stdout is not None
        told = [client.stdout.readline() for _ in range(4)]
        assert sum(b"StepFinished" in line for line in told) == 2
        assert sleeping()
        client.kill()
    assert not sleeping(within_s=10)


def sleeping(within_s: float = 0.0) -> bool:
    """Whether the endless step runs anywhere, after waiting for its end so long."""
    give_up_at = time.monotonic() + within_s
    while found := any(_is_endless(entry) for entry in Path("/proc").glob("[0-9]*")):
        if time.monotonic() >= give_up_at:
            break
        time.sleep(0.05)
    return found


def _is_endless(process: Path) -> bool:
    try:
        return f"sleep\0{MINE}\0".encode() in (process / "cmdline").read_bytes()
    except OSError:
        return False


def test_a_worker_logs_in_with_the_keys_of_its_own_home(
    loopback_sshd: LoopbackSshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    (theirs / ".ssh").mkdir(parents=True)
    for path in (loopback_sshd.key_path, loopback_sshd.known_hosts_path):
        (theirs / ".ssh" / path.name).write_bytes(path.read_bytes())
        (theirs / ".ssh" / path.name).chmod(0o600)
    monkeypatch.setenv("HOME", str(ours))
    host = loopback_host(
        loopback_sshd,
        identity_files=(str(ours / ".ssh" / loopback_sshd.key_path.name),),
        known_hosts_files=(str(ours / ".ssh" / loopback_sshd.known_hosts_path.name),),
    )
    with Cluster({"a": ""}, variables={"HOME": str(theirs)}) as running:
        results, _ = ran(running, make_plan([host], Playbook("p", (Step("a", ("echo a",)),))))
    assert [(r.status, r.reason) for r in results.values()] == [(HostStatus.OK, "")]


def test_a_worker_of_another_version_is_refused_with_both_versions(tmp_path: Path) -> None:
    old = tmp_path / "fleetdiag-0.0.9.dist-info"
    old.mkdir()
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: fleetdiag\nVersion: 0.0.9\n")
    plan = make_plan(hosts(1), SLOW)
    path = f"{tmp_path}:{Path(__file__).parents[2]}"
    with (
        Cluster({"a": ""}, variables={"PYTHONPATH": path}) as running,
        pytest.raises(EngineError, match=r"fleetdiag 0\.1\.0 here, 0\.0\.9 there") as refused,
    ):
        Dask(plan, open_transport, running.on)
    assert "tcp://127.0.0.1" in str(refused.value)


def test_a_scheduler_without_workers_and_one_that_is_not_there_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = make_plan(hosts(1), SLOW)
    with (
        Cluster({}) as running,
        pytest.raises(EngineError, match="the scheduler has no worker; `dask worker` starts one"),
    ):
        Dask(plan, open_transport, running.on)
    monkeypatch.setattr(dask_scheduler, "_CONNECT_S", 0.5)
    with pytest.raises(EngineError, match=r"^--on dask://127\.0\.0\.1:9: "):
        Dask(plan, open_transport, "dask://127.0.0.1:9")
    with pytest.raises(EngineError, match="Dask's settings name no certificates"):
        Dask(plan, open_transport, "dask+tls://127.0.0.1:9")


def test_nothing_of_dask_is_imported_where_it_is_not_asked_for(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        f"sys.argv = ['fleetdiag', *'exec all -i local --save {tmp_path} true'.split()]\n"
        "from fleetdiag.__main__ import main\n"
        "try:\n    main()\n"
        "finally:\n    print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    modules = done.stderr.splitlines()[-1].split()
    assert "fleetdiag.executor.threads" in modules
    own = {"fleetdiag.executor.dask", "fleetdiag.executor.processes"}
    assert not {"dask", "distributed", "tornado", *own} & set(modules)


def test_without_dask_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(EngineError, match=r"--on dask needs Dask: pip install 'fleetdiag\[dask\]'"):
        Dask(make_plan(hosts(1), SLOW), open_transport, "dask")


def test_passwords_go_over_an_encrypted_connection(tmp_path: Path) -> None:
    import dask
    from distributed.security import Security

    make: Any = Security.temporary
    made = make()
    for name in ("tls_ca_file", "tls_client_cert", "tls_client_key"):
        (tmp_path / name).write_text(getattr(made, name))
    ca, cert, key = (
        str(tmp_path / name) for name in ("tls_ca_file", "tls_client_cert", "tls_client_key")
    )
    flags = ["--tls-ca-file", ca, "--tls-cert", cert, "--tls-key", key, "--protocol", "tls"]
    plan = make_plan(hosts(1), Playbook("p", (Step("a", ("echo it is open sesame",)),)))
    settings = {"ca-file": ca, "client.cert": cert, "client.key": key}
    opened = partial(open_transport, secrets=Secrets(password="hunter2"))
    with (
        dask.config.set({f"distributed.comm.tls.{k}": v for k, v in settings.items()}),
        Cluster({"a": ""}, flags=flags) as running,
    ):
        assert running.on.startswith("dask+tls://")
        with closing(Dask(plan, opened, running.on)) as engine:
            (result,), _ = run_hosts(
                plan, engine, lambda _event: None, become_password="open sesame"
            )
    # What takes the password out of outputs ran there with it.
    assert result.steps[0].stdout == b"it is <secret>\n"
