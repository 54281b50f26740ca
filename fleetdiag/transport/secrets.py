"""What was asked of the user, once, before a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Secrets:
    """Never printed, never written."""

    password: str | None = field(default=None, repr=False)
    """For logins that take one."""
    passphrases: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Identity file -> its passphrase."""
