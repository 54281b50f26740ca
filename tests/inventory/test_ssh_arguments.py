"""What arguments for ssh come to; `ansible/jump_hosts` has the ways through bastions."""

from __future__ import annotations

import pytest

from fleetdiag.inventory.ssh_arguments import SshArguments, parse_ssh_arguments


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", SshArguments()),
        ("-p 22 -l u -i /k", SshArguments(port="22", user="u", identity_files=["/k"])),
        ("-p22 -lu -i/k", SshArguments(port="22", user="u", identity_files=["/k"])),
        ("-o Port=1 -o Port=2", SshArguments(port="1")),
        ("-oPort=1 -p 2", SshArguments(port="1")),
        ("-o 'Port 1' -o 'User = u'", SshArguments(port="1", user="u")),
        ("-i a -o IdentityFile=b", SshArguments(identity_files=["a", "b"])),
        ("-qAC4 -o ForwardAgent=no -tt", SshArguments()),
        ("-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no", SshArguments()),
        ("-o 'UserKnownHostsFile=/a /b'", SshArguments(known_hosts=["/a", "/b"])),
        ("-J a -J b", SshArguments(via="a")),
        ("-o ProxyCommand=none -J b", SshArguments(via="none")),
        ("-J 'a b'", SshArguments(left=["-J a b"])),
        ("-L 80:x:80 word", SshArguments(left=["-L 80:x:80", "word"])),
        ("-o HostKeyAlias=x", SshArguments(left=["-o HostKeyAlias=x"])),
        ("-p", SshArguments()),
        ("-J", SshArguments(left=["-J "])),
        ("-o", SshArguments(left=["-o "])),
    ],
)
def test_each_argument_says_what_it_says_to_ssh(text: str, said: SshArguments) -> None:
    found = parse_ssh_arguments(text)
    found.port = found.port or None
    assert found == said


@pytest.mark.parametrize(
    ("command", "via"),
    [
        ("ssh -W %h:%p b", "b"),
        ("ssh b -W %h:%p -p 23", "b:23"),
        ("ssh -W %h:%p %r@b", "me@b"),
        ("ssh -W %h:%p ssh://u@b:24", "u@b:24"),
        ("ssh -W %h:%p -l u -p 23 2001:db8::1", "u@[2001:db8::1]:23"),
        ("ssh -W %h:%p -J a,b c", "a,b,c"),
        ("ssh -W %h:22 b", None),
        ("ssh -W %h:%p b hostname", None),
        ("ssh -W %h:%p %h", None),
        ("ssh -W %h:%p -o", None),
        ("ssh -W %h:%p 'b;id'", None),
        ("nc -x proxy %h %p", None),
        ("sshpass -p x ssh -W %h:%p b", None),
        ("", None),
    ],
)
def test_a_proxy_command_is_a_bastion_only_where_it_is_no_more(
    command: str, via: str | None
) -> None:
    said = parse_ssh_arguments(f'-o ProxyCommand="{command}"', "me")
    assert said.via == via
    assert bool(said.left) is (via is None)


def test_endless_nesting_is_not_followed() -> None:
    command = "ssh -W %h:%p b"
    for _ in range(6):
        command = "ssh -W %h:%p -o " + _quoted(f"ProxyCommand={command}") + " b"
    assert parse_ssh_arguments(f"-o {_quoted(f'ProxyCommand={command}')}").left


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
