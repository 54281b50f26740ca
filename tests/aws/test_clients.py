"""What botocore resolves for us, and the bounds put on it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from fleetdiag.aws import Aws
from fleetdiag.cloud.ec2 import instance_facts
from tests.cloud.account import account, clean_environment, ids
from tests.cloud.ec2_answers import Instance

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
[profile prod]
region = eu-central-1
aws_access_key_id = key
aws_secret_access_key = secret
endpoint_url = {url}

[profile role]
role_arn = arn:aws:iam::1:role/read
source_profile = prod
region = us-east-1
endpoint_url = {url}
"""


def test_profiles_are_resolved_as_aws_tools_do(tmp_path: Path) -> None:
    there = [Instance("a", zone="eu-central-1a")]
    with account(tmp_path, there) as server, clean_environment(tmp_path) as patch:
        (tmp_path / "config").write_text(CONFIG.format(url=server.url))
        patch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        aws = Aws("prod")
        assert aws.default_region() == "eu-central-1"
        found, _, problems = instance_facts(ids(there), 20.0, aws=aws)
        aws.close()
        assert (set(found), problems) == ({"a"}, ())
        patch.setenv("AWS_PROFILE", "prod")
        found, _, _ = instance_facts(ids(there), 20.0)
        assert set(found) == {"a"}


def test_a_role_that_may_not_be_assumed_is_said_with_what_lacks(tmp_path: Path) -> None:
    there = [Instance("a")]
    with account(tmp_path, there) as server, clean_environment(tmp_path) as patch:
        server.fail("unauthorized", action="AssumeRole")
        (tmp_path / "config").write_text(CONFIG.format(url=server.url))
        patch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        aws = Aws("role")
        _, _, problems = instance_facts(ids(there), 20.0, aws=aws)
        aws.close()
    (problem,) = problems
    assert problem.startswith("EC2 us-east-1: no permission for sts:AssumeRole")


def test_credentials_that_never_come_hold_nobody(tmp_path: Path) -> None:
    there = [Instance("a")]
    with account(tmp_path, there) as server, clean_environment(tmp_path) as patch:
        (tmp_path / "config").write_text("[profile slow]\ncredential_process = sleep 3\n")
        patch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        patch.setenv("AWS_ENDPOINT_URL", server.url)
        began = time.monotonic()
        found, _, problems = instance_facts(ids(there), 1.0, aws=Aws("slow"))
        assert time.monotonic() - began < 2.0
    assert found == {}
    assert len(problems) == 2


def test_an_answer_without_measure_is_not_read_into_memory_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleetdiag.aws.clients.MAX_ANSWER_BYTES", 1 << 20)
    there = [Instance("a")]
    with account(tmp_path, there) as server:
        server.fail("flood")
        _, _, problems = instance_facts(ids(there), 20.0)
    assert problems == ("EC2 us-east-1: the answer cannot be understood: larger than 1 MiB",)


def test_importing_fleetdiag_does_not_import_botocore() -> None:
    import subprocess
    import sys

    program = (
        "import sys, fleetdiag.inventory.ec2, fleetdiag.cloud.ec2\n"
        "sys.exit(any(name.startswith('boto') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
