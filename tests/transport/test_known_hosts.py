"""known_hosts look-ups: against the real ssh-keygen, and the verdicts drawn from them."""

from __future__ import annotations

import base64
import itertools
import os
import re
import shutil
import stat
import struct
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetdiag.transport import known_hosts
from fleetdiag.transport.known_hosts import (
    Entry,
    KnownHosts,
    Trust,
    append,
    fingerprint,
    line_for,
    lookup_name,
    parse_lines,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

FILES = Path(__file__).parent / "known_hosts_files"
needs_ssh_keygen = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="ssh-keygen is missing (openssh-client)"
)


def made_key(seed: str, key_type: str = "ssh-ed25519") -> bytes:
    """A well-formed key blob, another for each seed."""
    body = seed.encode().ljust(32, b".")
    return b"".join(struct.pack(">I", len(p)) + p for p in (key_type.encode(), body))


def key_text(blob: bytes, key_type: str = "ssh-ed25519") -> str:
    return f"{key_type} {base64.b64encode(blob).decode()}"


A, B = made_key("a"), made_key("b")
E = made_key("e", "ecdsa-sha2-nistp256")
CA = made_key("ca")
TEXT = {
    "A": key_text(A),
    "B": key_text(B),
    "E": key_text(E, "ecdsa-sha2-nistp256"),
    "CA": key_text(CA),
}


def hosts_of(text: str) -> KnownHosts:
    """KnownHosts of lines in which {A}, {B}, {E} and {CA} stand for keys."""
    parsed = parse_lines(text.format_map(TEXT), "kh")
    return KnownHosts(entry for entry in parsed if isinstance(entry, Entry))


def hashed(line: str) -> str:
    """The line with its name hashed."""
    name, rest = line.split(" ", 1)
    return f"{known_hosts._hash_name(name, os.urandom(20))} {rest}"


# --------------------------------------------------------------------- against ssh-keygen

NAMES = [
    *(f"web-{n}" for n in range(1, 12)),
    *("WEB-3.example.com", "web-2.example.com", "db-1.example.com", "a.b.example.com"),
    *("10.0.0.1", "10.0.0.2", "2001:db8::7", "only-negated", "web-[12]", "a.b.corp", "corp"),
    *("[web-1]:2222", "[web-2]:2200", "[web-3]:2200", "[10.0.0.1]:2222", "[web-4]:22"),
    *("[2001:db8::1]:2222", "[a.example.org]:2222", "[a.example.org]:2223", "web-2,10.0.0.2"),
]


def keygen_lines(file: Path, name: str) -> set[int]:
    """The line numbers at which `ssh-keygen -F` finds the name."""
    done = subprocess.run(
        ["ssh-keygen", "-F", name, "-f", str(file)], capture_output=True, text=True, check=False
    )
    return {
        int(number)
        for number in re.findall(r"^# Host .* found: line (\d+)", done.stdout, re.MULTILINE)
    }


def our_lines(file: Path, name: str) -> set[int]:
    entries = KnownHosts.load([str(file)]).entries(name)
    return {int(entry.place.rpartition(":")[2]) for entry in entries}


@needs_ssh_keygen
@pytest.mark.parametrize("file", ["plain", "ports", "patterns", "markers", "hashed"])
def test_finds_the_lines_that_ssh_keygen_finds(file: str) -> None:
    # ssh lowers a host's name before it looks it up; `ssh-keygen -F` only in readable lines.
    asked = {name: name.lower() if file == "hashed" else name for name in NAMES}
    ours = {name: our_lines(FILES / file, name) for name in NAMES}
    assert ours == {name: keygen_lines(FILES / file, asked[name]) for name in NAMES}
    assert any(ours.values())


patterns = st.text("ab.*?![]:2", min_size=1, max_size=6)
names = st.text("ab.[]:2", min_size=1, max_size=5).filter(lambda name: not name.startswith("["))


@needs_ssh_keygen
@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(st.lists(patterns, min_size=1, max_size=3), min_size=1, max_size=8), name=names
)
def test_any_patterns_match_as_in_ssh_keygen(
    tmp_path_factory: pytest.TempPathFactory, lines: list[list[str]], name: str
) -> None:
    file = tmp_path_factory.mktemp("kh") / "known_hosts"
    file.write_text("".join(f"{','.join(each)} {TEXT['A']}\n" for each in lines))
    assert our_lines(file, name) == keygen_lines(file, name)


@needs_ssh_keygen
def test_verdicts_are_the_same_after_ssh_keygen_hashes_the_file(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    shutil.copy(FILES / "plain", file)
    before = KnownHosts.load([str(file)])
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert "web-1 " not in file.read_text()
    after = KnownHosts.load([str(file)])
    keys = {e.key_blob: e.key_type for n in range(1, 8) for e in before.entries(f"web-{n}")}
    assert len(keys) == 3
    for host in (*(f"web-{n}" for n in range(1, 9)), "10.0.0.2", "WEB-3.EXAMPLE.com"):
        for blob, key_type in (*keys.items(), (A, "ssh-ed25519")):
            assert (
                after.check(host, 22, key_type, blob).trust
                is before.check(host, 22, key_type, blob).trust
            )


@needs_ssh_keygen
def test_fingerprint_is_what_ssh_keygen_prints(tmp_path: Path) -> None:
    public = tmp_path / "key.pub"
    for line in (FILES / "plain").read_text().splitlines()[2:4]:
        _, key_type, encoded, *_ = line.split()
        public.write_text(f"{key_type} {encoded}\n")
        printed = subprocess.run(
            ["ssh-keygen", "-l", "-f", str(public)], capture_output=True, text=True, check=True
        ).stdout
        assert fingerprint(base64.b64decode(encoded)) == printed.split()[1]


# -------------------------------------------------------------------------------- verdicts

#        lines                                      trust               at line
VERDICTS = {
    "no line": ("", Trust.UNKNOWN, []),
    "other hosts only": ("db {A}\n[web]:2222 {A}", Trust.UNKNOWN, []),
    "its key": ("web {A}", Trust.KNOWN, [1]),
    "its key among others": ("web {B}\nweb {E}\nweb {A}", Trust.KNOWN, [3]),
    "its key by wildcard": ("w* {A}", Trust.KNOWN, [1]),
    "its key, negated": ("!web,w* {A}", Trust.UNKNOWN, []),
    "another key": ("web {B}", Trust.CHANGED, [1]),
    "another key by wildcard": ("*,!db {B}", Trust.CHANGED, [1]),
    "another key of two types": ("web {E}\nweb {B}", Trust.CHANGED, [2]),
    "another type": ("web {E}", Trust.OTHER_TYPES, [1]),
    "revoked": ("web {A}\n@revoked web {A}", Trust.REVOKED, [2]),
    "revoked everywhere": ("@revoked * {A}", Trust.REVOKED, [1]),
    "revoked for another host": ("@revoked db {A}\nweb {A}", Trust.KNOWN, [2]),
    "another key revoked": ("@revoked web {B}", Trust.UNKNOWN, []),
    "an authority": ("@cert-authority w* {CA}", Trust.CA_ONLY, [1]),
    "an authority's own key is no host key": ("@cert-authority web {A}", Trust.CA_ONLY, [1]),
    "an authority and a key": ("@cert-authority w* {CA}\nweb {A}", Trust.KNOWN, [2]),
    "an authority and another key": ("@cert-authority w* {CA}\nweb {B}", Trust.CHANGED, [2]),
    "its key at its address": ("10.0.0.1 {A}", Trust.KNOWN, [1]),
    "another key at its address": ("10.0.0.1 {B}", Trust.CHANGED, [1]),
    "its key at its address, another at its name": (
        "web {B}\n10.0.0.1 {A}",
        Trust.KNOWN,
        [2],
    ),
    "revoked at its address": ("web {A}\n@revoked 10.0.0.1 {A}", Trust.REVOKED, [2]),
}


@pytest.mark.parametrize("hide", [str, hashed], ids=["plain", "hashed"])
@pytest.mark.parametrize("case", VERDICTS)
def test_verdict(case: str, hide: type[str]) -> None:
    text, trust, lines = VERDICTS[case]
    plainly_named = re.compile(r"[a-z0-9.]+ ")
    text = "\n".join(hide(s) if plainly_named.match(s) else s for s in text.split("\n"))
    verdict = hosts_of(text).check("web", 22, "ssh-ed25519", A, address="10.0.0.1")
    assert (verdict.trust, verdict.evidence) == (trust, tuple(f"kh:{n}" for n in lines))


def test_verdict_names_the_types_the_host_is_known_with() -> None:
    verdict = hosts_of(f"web {{E}}\n{hashed('web {A}')}").check("web", 22, "ssh-rsa", B)
    assert verdict.trust is Trust.OTHER_TYPES
    assert verdict.known_types == ("ecdsa-sha2-nistp256", "ssh-ed25519")


def test_off_port_22_the_bracketed_name_counts() -> None:
    known = hosts_of("[web]:2222 {A}")
    assert known.check("WEB", 2222, "ssh-ed25519", A).trust is Trust.KNOWN
    assert known.check("web", 2222, "ssh-ed25519", B).trust is Trust.CHANGED
    assert known.check("web", 22, "ssh-ed25519", A).trust is Trust.UNKNOWN


def test_off_port_22_a_key_recorded_without_port_is_known_but_another_proves_nothing() -> None:
    # As OpenSSH's "checking without port identifier".
    known = hosts_of("web {A}")
    assert known.check("web", 2222, "ssh-ed25519", A).trust is Trust.KNOWN
    assert known.check("web", 2222, "ssh-ed25519", B).trust is Trust.UNKNOWN


def test_rsa_signature_algorithms_are_the_rsa_key_type() -> None:
    rsa = key_text(made_key("r", "ssh-rsa"), "ssh-rsa")
    verdict = hosts_of(f"web {rsa}").check("web", 22, "rsa-sha2-512", made_key("s", "ssh-rsa"))
    assert verdict.trust is Trust.CHANGED


def test_key_types_come_from_plain_and_wildcard_lines_in_file_order() -> None:
    known = hosts_of("[web]:2222 {E}\n@cert-authority * {CA}\n*.1 {A}\ndb {A}")
    assert known.key_types("web", 2222, address="10.0.0.1") == (
        "ecdsa-sha2-nistp256",
        "ssh-ed25519",
    )
    assert known.key_types("lone") == ()


# --------------------------------------------------------------------------------- reading


def test_malformed_lines_are_skipped_and_each_is_a_problem_with_its_line() -> None:
    file = str(FILES / "malformed")
    known = KnownHosts.load([file])
    assert [problem.line for problem in known.problems] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert str(known.problems[2]) == f"{file}:4: the key is not base64"
    found = {name: known.key_types(name) for name in ("web-0", "web-3", "web-9", "web-10")}
    assert found == {"web-3": ()} | dict.fromkeys(("web-0", "web-9", "web-10"), ("ssh-ed25519",))
    assert known.key_types("web-11"), "a last line without a newline counts"


def test_a_missing_file_is_empty_and_an_unreadable_one_a_problem(tmp_path: Path) -> None:
    known = KnownHosts.load([str(tmp_path / "none"), str(tmp_path), str(FILES / "plain")])
    assert [problem.message for problem in known.problems] == ["not read: Is a directory"]
    assert known.key_types("web-1")


@given(st.binary(max_size=200))
def test_no_bytes_in_a_file_raise(content: bytes) -> None:
    for text in (content.decode("utf-8", "surrogateescape"), f"|1|{content!r} {TEXT['A']}"):
        entries = [e for e in parse_lines(text, "kh") if isinstance(e, Entry)]
        KnownHosts(entries).check("web", 22, "ssh-ed25519", A)


@given(st.text(min_size=1), st.integers(0, 65535))
def test_no_host_name_raises(host: str, port: int) -> None:
    known = hosts_of(f"* {{B}}\n{hashed('web {A}')}")
    trust = known.check(host, port, "ssh-ed25519", A, address=host).trust
    assert trust in {Trust.CHANGED, Trust.KNOWN}


def test_a_hostile_pattern_does_not_backtrack() -> None:
    known = hosts_of("*a" * 40 + "b {A}")
    assert known.entries("a" * 2000) == ()


# --------------------------------------------------------------------------------- writing


@given(st.text(min_size=1), st.sampled_from([22, 2222]))
def test_the_line_for_a_key_makes_it_known_to_that_name_only(host: str, port: int) -> None:
    line = line_for(host, port, "ssh-ed25519", A)
    assert "\n" not in line
    known = hosts_of(line)
    assert known.check(host, port, "ssh-ed25519", A).trust is Trust.KNOWN
    assert known.check(f"{host}x", port, "ssh-ed25519", A).trust is Trust.UNKNOWN


def test_the_line_for_an_ordinary_name_is_readable() -> None:
    assert line_for("Web-1", 2222, "ssh-ed25519", A) == f"[web-1]:2222 {TEXT['A']}"
    assert lookup_name("2001:DB8::1", 22) == "2001:db8::1"


def test_append_makes_directory_and_file_for_the_user_alone(tmp_path: Path) -> None:
    file = tmp_path / ".ssh" / "known_hosts"
    append(str(file), "line one")
    append(str(file), "line two")
    append(str(file), "line one")
    assert file.read_text() == "line one\nline two\n"
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent)]
    assert modes == [0o600, 0o700]


def test_append_mends_a_missing_final_newline(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text("first, cut")
    append(str(file), "second")
    assert file.read_text() == "first, cut\nsecond\n"


def test_many_writers_lose_no_line(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"

    def write(lines: Iterable[str]) -> None:
        for line in lines:
            append(str(file), line)

    batches = [[f"host-{writer}-{n}" for n in range(20)] for writer in range(8)]
    threads = [threading.Thread(target=write, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(file.read_text().splitlines()) == sorted(itertools.chain(*batches))


def test_thousand_known_hosts_cost_little_over_two_thousand_hashed_lines() -> None:
    keys = [made_key(str(n)) for n in range(2000)]
    lines = [hashed(f"web-{n} {key_text(key)}") for n, key in enumerate(keys)]
    known = hosts_of("\n".join(lines))
    tried = 0

    class Counted(known_hosts._Hashed):
        def matches(self, name: str) -> bool:
            nonlocal tried
            tried += 1
            return super().matches(name)

    for key, found in known._hashed_by_key.items():
        known._hashed_by_key[key] = [Counted(*each) for each in found]
    known._hashed.clear()
    for n in range(1000):
        assert known.check(f"web-{n}", 22, "ssh-ed25519", keys[n]).trust is Trust.KNOWN
    assert tried == 1000
