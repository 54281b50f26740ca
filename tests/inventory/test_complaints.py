"""What ansible-core 2.16 and 2.19 write to stderr, and the line that is made of it."""

from __future__ import annotations

import pytest

from fleetdiag.inventory.complaints import Unread, complaint, one_line, unread_sources

OLD = """\
[WARNING]:  * Failed to parse /inv/hosts.yml with auto plugin: no root 'plugin'
key found, '/inv/hosts.yml' is not a valid YAML inventory plugin config file
[WARNING]:  * Failed to parse /inv/hosts.yml with yaml plugin: Invalid data
from file, expected dictionary and got:  3
[WARNING]:  * Failed to parse /inv/hosts.yml with ini plugin: Invalid host
pattern 'all:' supplied, ending in ':' is not allowed, this character is
reserved to provide a port.
[WARNING]: Unable to parse /inv/hosts.yml as an inventory source
[WARNING]: Unable to parse /inv as an inventory source
[WARNING]: No inventory was parsed, only implicit localhost is available
"""

FAILED = "[WARNING]: Failed to parse inventory with"
NEW = f"""\
{FAILED} 'script' plugin: Inventory script returned non-zero exit code 3.

Failed to parse inventory with 'script' plugin.

<<< caused by >>>

Inventory script returned non-zero exit code 3.
Origin: <inventory plugin 'script' with source '/inv/dyn'>

Standard error from inventory script:
\x1b[31mtoken has expired\x1b[0m

{FAILED} 'ini' plugin: Failed to parse inventory: Expected key=value host variable assignment

Origin: /inv/dyn

[WARNING]: Unable to parse /inv/dyn as an inventory source
{FAILED} 'auto' plugin: YAML parsing failed: no ']'.

Origin: /inv/b.yml:3:1

[WARNING]: Unable to parse /inv/b.yml as an inventory source
"""


def test_the_plugin_that_is_for_the_source_says_why_until_2_18() -> None:
    reason = "Invalid data from file, expected dictionary and got: 3"
    assert [*unread_sources(OLD)] == [Unread("/inv/hosts.yml", reason)]


def test_the_plugin_that_is_for_the_source_says_why_since_2_19() -> None:
    assert [*unread_sources(NEW)] == [
        Unread(
            "/inv/dyn",
            "Inventory script returned non-zero exit code 3. It said: token has expired",
        ),
        Unread("/inv/b.yml", "YAML parsing failed: no ']'. (/inv/b.yml:3:1)"),
    ]


def test_a_source_without_a_reason_is_named_all_the_same() -> None:
    line = "[WARNING]: Unable to parse /a long/path that is\nwrapped as an inventory source\n"
    assert [*unread_sources(line)] == [Unread("/a long/path that is wrapped", "")]
    assert [*unread_sources("")] == []


@pytest.mark.parametrize(
    ("stderr", "line"),
    [
        (b"", "it said nothing"),
        (b"\n\n", "it said nothing"),
        (b"one\ntwo\n", "one"),
        (b"[WARNING]: x\nreal\n", "real"),
        (b"[WARNING]: only this\n", "[WARNING]: only this"),
        (b"[WARNING]: x\nERROR! no such\nthing\n", "no such thing"),
        (b"[ERROR]: bad.\n\nlong story\n", "bad"),
        (b"Traceback (most recent call last):\n  x\nValueError: y\n", "ValueError: y"),
        (b"\x1b]0;title\x07\x1b[1mbold\x1b[0m\x00\n", "bold"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_of_what_a_program_says_the_telling_line_is_taken(stderr: bytes, line: str) -> None:
    assert complaint(stderr) == line


def test_a_line_is_printable_and_not_too_long() -> None:
    assert one_line("a\n\tb \u202e c") == "a b c"
    assert len(one_line("x" * 1000)) == 300
