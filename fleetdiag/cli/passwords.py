"""Passwords and passphrases: asked once, on a terminal, before anything else starts."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import TYPE_CHECKING

from fleetdiag.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetdiag.cli.options import Login
    from fleetdiag.model import Plan
    from fleetdiag.transport import Secrets


def ask(prompt: str, flag: str) -> str:
    """What the user types, unseen; raises SettingsError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise SettingsError(
            f"{flag} asks for a password, and standard input is not a terminal;"
            " use keys or an agent where nobody can answer"
        )
    try:
        return getpass(prompt)
    except EOFError:
        raise SettingsError(f"{flag}: no password was given") from None


def ask_secrets(plan: Plan, login: Login, *, keys: bool = True) -> Secrets:
    """The login password if `-k`, and the passphrase of every key that needs one.

    `keys` False: others log in, with keys of their own. Without a terminal no passphrase is asked
    either: such a key is left out, and where no other one fits, the host says that its login was
    refused.
    """
    from fleetdiag.transport import Secrets

    password = ask("Login password: ", "-k/--ask-pass") if login.ask_pass else None
    return Secrets(password=password, passphrases=_passphrases(plan) if keys else {})


def ask_become_password(login: Login) -> str | None:
    """The password for sudo if `-K`."""
    if not login.ask_become_pass:
        return None
    return ask("sudo password: ", "-K/--ask-become-pass")


def _passphrases(plan: Plan) -> Mapping[str, str]:
    from fleetdiag.transport import encrypted_keys

    if not sys.stdin.isatty():
        return {}
    return {key: ask(f"Passphrase for {key}: ", key) for key in encrypted_keys(plan)}
