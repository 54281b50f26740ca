"""A Dask scheduler as the engine finds it: connected, of our version, with workers.

The only place that imports `distributed`, and only when it is asked to connect.
"""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fleetdiag.errors import EngineError
from fleetdiag.executor.placement import Labels, labels_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CONNECT_S = 10.0
_START_S = 60.0
"""For a cluster of our own: on a machine that is busy, imports alone may take long."""
_SAME = ("fleetdiag", "python", "distributed", "paramiko")
"""What must be of one version here and there."""


def is_encrypted(on: str) -> bool:
    """Whether what is sent to `--on` this can be read by nobody on the way."""
    return on == "dask" or on.startswith("dask+tls://")


def connect(on: str, cores: int) -> tuple[Any, Any]:
    """A client, and the cluster where it is a local one; raises EngineError."""
    distributed = _import_distributed(on)
    address = on.replace("dask+tls://", "tls://").replace("dask://", "tcp://")
    security = _certificates(distributed, on) if address.startswith("tls://") else None
    cluster = None
    try:
        if on == "dask":
            cluster = _local_cluster(distributed, cores)
        timeout_s = _CONNECT_S if cluster is None else _START_S
        how = {"security": security, "timeout": timeout_s, "set_as_default": False}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions that differ; they are checked next
            return distributed.Client(cluster or address, **how), cluster
    except Exception as error:
        if cluster is not None:
            cluster.close()
        raise EngineError(f"--on {on}: {str(error) or type(error).__name__}") from error


def _import_distributed(on: str) -> Any:
    """The package, silent: what it logs we say in words, as errors or reasons."""
    try:
        import dask

        quiet = dict.fromkeys(("distributed", "distributed.client", "tornado"), "critical")
        dask.config.set({"logging": quiet})
        import distributed
    except ImportError as error:
        words = f"--on {on} needs Dask: pip install 'fleetdiag[dask]' ({error})"
        raise EngineError(words) from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    return distributed


def _certificates(distributed: Any, on: str) -> Any:
    """What Dask's settings have for TLS; raises EngineError where they have nothing."""
    security = distributed.Security(require_encryption=True)
    if security.get_connection_args("client").get("ssl_context") is None:
        words = "Dask's settings name no certificates: distributed.comm.tls.ca-file and .client"
        raise EngineError(f"--on {on}: {words}")
    return security


def _local_cluster(distributed: Any, cores: int) -> Any:
    """Workers on this machine, which nobody else of this machine can talk to (TLS)."""
    with _deaf_to_ctrl_c():
        return distributed.LocalCluster(
            n_workers=cores,
            threads_per_worker=1,
            security=True,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        )


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started meanwhile are: a terminal sends it to them too, and it is ours."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def workers_of(client: Any) -> dict[str, Labels]:
    """Address -> labels, of the workers that are there now."""
    told = client.scheduler_info(n_workers=-1)["workers"]
    return {address: labels_of(each.get("resources", {})) for address, each in told.items()}


def some_workers(client: Any, on: str) -> list[Labels]:
    """What the workers are near to; raises EngineError where there is none."""
    workers = workers_of(client)
    if not workers:
        raise EngineError(f"--on {on}: the scheduler has no worker; `dask worker` starts one")
    return list(workers.values())


def check_versions(client: Any) -> None:
    """Raise EngineError, naming both sides' versions, where they are not the same."""
    told = client.get_versions(packages=["fleetdiag", "paramiko"])
    here = told["client"]["packages"]
    there = {"the scheduler": told["scheduler"], **told["workers"]}
    differing = []
    for who, each in there.items():
        theirs = each["packages"]
        both = ((name, _version(name, here), _version(name, theirs)) for name in _SAME)
        unlike = [
            f"{name} {ours} here, {other} there" for name, ours, other in both if ours != other
        ]
        differing += [f"{who}: {'; '.join(unlike)}"] if unlike else []
    if differing:
        shown = "\n  ".join(differing)
        raise EngineError(f"Dask runs other versions than this machine:\n  {shown}")


def _version(name: str, packages: Mapping[str, str | None]) -> str:
    """Of Python the part that matters: 3.11."""
    version = packages.get(name) or "none"
    return ".".join(version.split(".")[:2]) if name == "python" else version
