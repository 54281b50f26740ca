from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from fleetdiag.errors import SettingsError
from fleetdiag.model import Severity
from fleetdiag.settings import (
    KINDS,
    Format,
    Settings,
    flag,
    load_settings,
    settings_file,
    variable,
)


def written(home: Path, text: str) -> dict[str, str]:
    """An environment whose settings file holds `text`."""
    file = home / "fleetdiag" / "settings.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return {"XDG_CONFIG_HOME": str(home)}


def complaints(home: Path, text: str, **variables: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load_settings(environ=written(home, text) | variables)
    return str(refused.value).replace(str(home), "HOME").splitlines()


def test_every_setting_has_a_kind_and_an_origin(tmp_path: Path) -> None:
    names = {field.name for field in dataclasses.fields(Settings)} - {"origins"}
    assert names == set(KINDS)
    settings = load_settings(environ={"XDG_CONFIG_HOME": str(tmp_path)})
    assert settings == Settings(origins=dict.fromkeys(KINDS, "default"))


def test_file_beats_default_environment_beats_file_flag_beats_all(tmp_path: Path) -> None:
    environ = written(tmp_path, "# at home\nfanout = 2\nconnect_timeout_s = 3\nformat = 'json'\n")
    environ |= {"FLEETDIAG_CONNECT_TIMEOUT_S": "4.5", "FLEETDIAG_FORMAT": "markdown"}
    settings = load_settings({"format": Format.TABLE, "save": None}, environ=environ)
    assert (settings.fanout, settings.connect_timeout_s, settings.format) == (2, 4.5, "table")
    assert settings.origins["deadline_s"] == settings.origins["save"] == "default"
    assert settings.origins["fanout"] == f"{settings_file(environ)}:2"
    assert settings.origins["connect_timeout_s"] == "$FLEETDIAG_CONNECT_TIMEOUT_S"
    assert settings.origins["format"] == "--format"


def test_values_have_their_types_from_file_and_environment(tmp_path: Path) -> None:
    environ = written(tmp_path, "fail_on = 'critical'\nprogress = false\ndeadline_s = 90\n")
    settings = load_settings(environ=environ)
    assert settings.fail_on is Severity.CRITICAL
    assert settings.progress is False
    assert settings.deadline_s == 90.0
    assert isinstance(settings.deadline_s, float)
    again = load_settings(environ=environ | {"FLEETDIAG_PROGRESS": "Yes"})
    assert again.progress is True


def test_relative_path_in_the_file_lies_beside_the_file(tmp_path: Path) -> None:
    environ = written(tmp_path, "save = 'runs'\n")
    assert load_settings(environ=environ).save == tmp_path / "fleetdiag" / "runs"
    from_environment = load_settings(environ=environ | {"FLEETDIAG_SAVE": "runs"})
    assert from_environment.save == Path("runs")


def test_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    environ = written(tmp_path, "fanout = 2\n") | {"FLEETDIAG_FANOUT": ""}
    assert load_settings(environ=environ).fanout == 2


def test_all_problems_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    text = "fanot = 3\nprogress = 'no'\n\n[run]\nfanout = 1\n"
    assert complaints(tmp_path, text, FLEETDIAG_DEADLINE_S="soon") == [
        "HOME/fleetdiag/settings.toml:1: there is no setting 'fanot'; did you mean 'fanout'?",
        "HOME/fleetdiag/settings.toml:2: progress must be true or false, not 'no'",
        "HOME/fleetdiag/settings.toml:4: there is no setting 'run'",
        "$FLEETDIAG_DEADLINE_S must be a number of seconds above 0, not 'soon'",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("fanout = '8'", "fanout must be a whole number, 1 or more, not '8'"),
        ("fanout = true", "fanout must be a whole number, 1 or more, not true"),
        ("fanout = 0", "fanout must be a whole number, 1 or more, not 0"),
        ("fanout = 1.5", "fanout must be a whole number, 1 or more, not 1.5"),
        ("deadline_s = 0", "deadline_s must be a number of seconds above 0, not 0"),
        ("deadline_s = inf", "deadline_s must be a number of seconds above 0, not inf"),
        ("deadline_s = nan", "deadline_s must be a number of seconds above 0, not nan"),
        ("save = ''", "save must be a path, not ''"),
        ("format = 'xml'", "format must be table, json or markdown, not 'xml'"),
        ("format = ['json']", "format must be table, json or markdown, not ['json']"),
        ("fail_on = 'bad'", "fail_on must be critical, warning or info, not 'bad'"),
    ],
)
def test_wrong_value_is_refused_in_words(tmp_path: Path, text: str, complaint: str) -> None:
    assert complaints(tmp_path, text) == [f"HOME/fleetdiag/settings.toml:1: {complaint}"]


def test_syntax_error_names_line_and_column(tmp_path: Path) -> None:
    (complaint,) = complaints(tmp_path, "fanout = 1\nsave = \n")
    assert complaint.startswith("HOME/fleetdiag/settings.toml:2:8: ")
    assert "at line" not in complaint


def test_unreadable_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "fleetdiag" / "settings.toml").mkdir(parents=True)
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load_settings(environ={"XDG_CONFIG_HOME": str(tmp_path)})


def test_binary_file_is_said(tmp_path: Path) -> None:
    environ = written(tmp_path, "")
    settings_file(environ).write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        load_settings(environ=environ)


def test_misspelled_variable_is_refused_and_a_strangers_is_not(tmp_path: Path) -> None:
    strangers = {"FLEETDIAG_INVENTORY": "x.yaml", "FLEETDIAG_HOMEPAGE_COLOUR": "red"}
    environ = {"XDG_CONFIG_HOME": str(tmp_path)} | strangers
    assert load_settings(environ=environ).fanout == Settings().fanout
    with pytest.raises(SettingsError, match="did you mean 'FLEETDIAG_FANOUT'"):
        load_settings(environ=environ | {"FLEETDIAG_FANOUTS": "3"})


def test_relative_xdg_config_home_is_ignored() -> None:
    assert settings_file({"XDG_CONFIG_HOME": "here"}) == settings_file({})


def test_names_of_variable_and_flag_follow_from_the_setting() -> None:
    assert variable("connect_timeout_s") == "FLEETDIAG_CONNECT_TIMEOUT_S"
    assert flag("connect_timeout_s") == "--connect-timeout"


# ---------------------------------------------------------------------------------- status feeds

AWS = "https://health.aws.amazon.com/public/currentevents"


def test_status_feeds_are_named_or_called_by_their_host(tmp_path: Path) -> None:
    text = f"status_feeds = ['AWS Virginia = {AWS}', 'https://www.githubstatus.com/']\n"
    environ = written(tmp_path, text)
    assert load_settings(environ=environ).status_feeds == (
        ("AWS Virginia", AWS),
        ("www.githubstatus.com", "https://www.githubstatus.com/"),
    )
    assert Settings().status_feeds == ()
    assert load_settings(environ=written(tmp_path / "none", "status_feeds = []")).status_feeds == ()


@pytest.mark.parametrize("gap", [" ", ",", ", ", "\n", " ,\t"])
def test_status_feeds_in_the_environment_stand_apart_by_spaces_or_commas(
    tmp_path: Path, gap: str
) -> None:
    environ = written(tmp_path, "status_feeds = ['https://a.example/']")
    # The second has a `=` of its own, and no name; the last says the first again.
    feeds = [f"aws={AWS}", "http://b.example:8080/feed?format=rss", f"aws={AWS}"]
    environ |= {"FLEETDIAG_STATUS_FEEDS": gap + gap.join(feeds) + gap}
    assert load_settings(environ=environ).status_feeds == (
        ("aws", AWS),
        ("b.example", "http://b.example:8080/feed?format=rss"),
    )


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [
        ("aws=ftp://a.example/x", "'ftp://a.example/x'"),
        ("file:///etc/passwd", "'file:///etc/passwd'"),
        ("status.example.com", "'status.example.com'"),
        ("aws=", "''"),
        ("https://", "'https://'"),
        ("https://a.example:99999/", "'https://a.example:99999/': Port out of range 0-65535"),
        (
            "https://ü.example/",
            "'https://ü.example/': an address has up to 2000 ASCII characters and no spaces",
        ),
        (
            "a*b=https://a.example/",
            "'a*b=https://a.example/': a name has up to 40 letters, digits, spaces and . + - _",
        ),
        (
            "aws=https://ada:secret@a.example/",
            "one with an @: no user and no password may stand in an address",
        ),
    ],
)
def test_wrong_status_feed_is_named_with_what_is_wrong_with_it(
    tmp_path: Path, entry: str, wrong: str
) -> None:
    expected = f"must be a list of NAME=URL or URL, each http or https, not {wrong}"
    text = f"status_feeds = ['https://fine.example/', '{entry}']"
    assert complaints(tmp_path, text) == [
        f"HOME/fleetdiag/settings.toml:1: status_feeds {expected}"
    ]
    variables = {"FLEETDIAG_STATUS_FEEDS": f"https://fine.example/ {entry}"}
    assert complaints(tmp_path / "none", "", **variables) == [f"$FLEETDIAG_STATUS_FEEDS {expected}"]


@pytest.mark.parametrize(
    ("value", "shown"), [(f"'{AWS}'", f"'{AWS[:39]}…"), ("[1]", "1"), ("[['x']]", "['x']")]
)
def test_status_feeds_of_another_type_are_refused(tmp_path: Path, value: str, shown: str) -> None:
    expected = "status_feeds must be a list of NAME=URL or URL, each http or https"
    (complaint,) = complaints(tmp_path, f"status_feeds = {value}")
    assert complaint == f"HOME/fleetdiag/settings.toml:1: {expected}, not {shown}"
