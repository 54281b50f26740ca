import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fleetdiag.playbook.placeholders import escaped, substituted, uses

HOSTILE = "a'b\"c $(echo PWNED) `echo PWNED` $HOME \\ ;|&<>*?[x]{1,2}~#!-n %s"
SHELLS = [[shell] for shell in ("dash", "bash") if shutil.which(shell)]
SHELLS += [["busybox", "sh"]] if shutil.which("busybox") else []


def run(shell: Sequence[str], command: str, cwd: Path) -> str:
    result = subprocess.run(
        [*shell, "-c", command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=10,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "LC_ALL": "C"},
        check=False,
    )
    return result.stdout


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("printf '<%s>' @{x}", "<{}>"),
        ("printf '<%s>' a@{x}b", "<a{}b>"),
        ('printf "<%s>" "$(printf %s @{x})"', "<{}>"),
        ("printf '<%s>' \"it's\" @{x} 'say \"no\"'", '<it\'s><{}><say "no">'),
        ("v=@{x}; printf '<%s>' \"$v\"", "<{}>"),
        ("printf '<%s>' $((1 + 1)) @{x}", "<2><{}>"),
        ("# it's a comment\nprintf '<%s>' @{x}", "<{}>"),
        ("(printf '<%s>' @{x})", "<{}>"),
        ("if [ @{x} = @{x} ]; then printf '<%s>' @{ x }; fi", "<{}>"),
        ("case @{x} in @{x}) printf '<%s>' @{x} ;; esac", "<{}>"),
        ("printf '<%s>' ${y:-z} @{x}", "<z><{}>"),
        ("printf '<%s>' a#b @{x} \\\" @{x}", '<a#b><{}><"><{}>'),
        ("printf '<%s>' @{x} '@@{x}'", "<{}><@{{x}}>"),
    ],
)
def test_a_value_arrives_as_one_word_whatever_is_in_it(
    shell: list[str], command: str, expected: str, tmp_path: Path
) -> None:
    assert [use.problem for use in uses(command) if use.problem] == []

    output = run(shell, substituted(command, {"x": HOSTILE}), tmp_path)

    assert output == expected.format(*[HOSTILE] * expected.count("{}"))


@pytest.mark.parametrize(
    "command",
    [
        'echo "@{x}"',
        "echo '@{x}'",
        "echo a # @{x}",
        'echo "$HOME/@{x}"',
        'echo "$(echo "@{x}")"',
        "echo $((@{x}))",
        "echo $((1 + (2 * @{x})))",
        "echo ${y:-@{x}}",
        "echo $@{x}",
        "echo \\@{x}",
        "echo `echo @{x}`",
        "cat <<E\n@{x}\nE",
        "eval @{x}",
        "echo $'\\'' '@{x}'",
        "echo a\\\n#'\n@{x} # '",
        "((@{x}))",
        "[[ @{x} -gt 1 ]]",
        'echo "$(case a in a) echo "@{x}" ;; esac)"',
        "echo @{x} 'open",
    ],
)
def test_a_placeholder_where_no_word_can_stand_is_refused(command: str) -> None:
    assert all(use.problem for use in uses(command))
    assert uses(command)


PIECES = ["@{x}", "'", '"', " ", "\\", "$(echo ", ")", "(", "$((", "))", "${y", "}", "`", "#"]
PIECES += ["\n", "$", "echo ", ";", "a", "$'", "<<E", "case a in a", "esac", "@", "@@{x}"]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=14))
@example(pieces=["echo ", "a", "\\", "\n", "#", "'", "\n", "@{x}", " ", "#", " ", "'"])
@example(pieces=["echo ", '"', "$(echo ", '"', "@{x}", '"', ")", '"'])
def test_no_accepted_command_runs_what_a_value_says(pieces: list[str], tmp_path: Path) -> None:
    command = "".join(pieces)
    found = uses(command)
    if not found or any(use.problem for use in found):
        return
    value = "'\"; touch pwned #$(touch pwned)`touch pwned`\n touch pwned"
    for shell in SHELLS:
        run(shell, substituted(command, {"x": value}), tmp_path)
        assert not (tmp_path / "pwned").exists(), (shell, command)


@given(st.text(alphabet="@{}x $'a_", max_size=30))
def test_an_escaped_command_comes_back_as_it_was(command: str) -> None:
    # What already holds `@@{x}` in the rendered command is shown with one more `@`.
    assert substituted(escaped(command), {}) == command


def test_what_only_looks_like_a_placeholder_is_left_alone() -> None:
    command = "git show HEAD@{1} @{-1} @{} @ {x} ${@} \"$@\" {{.Name}} %{http_code} '{print $1}'"

    assert uses(command) == []
    assert substituted(command, {}) == command
