"""The server itself, where it is a process of its own, as end-to-end tests use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from fleetdiag.cloud.ec2 import consoles, instance_facts
from fleetdiag.model import CloudStatus
from tests.cloud.account import clean_environment
from tests.cloud.ec2_answers import id_of

ROOT = Path(__file__).parents[2]


def test_as_a_process_it_serves_what_its_file_says_until_its_stdin_ends(tmp_path: Path) -> None:
    said = {
        "instances": [
            {"name": "web", "system": "impaired", "console": "panic", "events": [{"code": "x"}]}
        ],
        "faults": [{"kind": "unauthorized", "action": "DescribeAvailabilityZones"}],
    }
    (tmp_path / "said.json").write_text(json.dumps(said))
    command = [sys.executable, "-m", "tests.cloud.ec2_server", str(tmp_path / "said.json")]
    with (
        clean_environment(tmp_path) as patch,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=dict(os.environ)
        ) as server,
    ):
        assert server.stdout is not None
        patch.setenv("AWS_ENDPOINT_URL", server.stdout.readline().decode().strip())
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        wanted = {"web": ("us-east-1", id_of("web"))}
        instances, zones, problems = instance_facts(wanted, 20.0)
        found, _ = consoles(wanted, 20.0)
        server.communicate(timeout=10)
    assert server.returncode == 0
    assert instances["web"].system is CloudStatus.IMPAIRED
    assert [event.code for event in instances["web"].events] == ["x"]
    assert found["web"].output == b"panic"
    assert (zones, len(problems)) == ((), 1)
