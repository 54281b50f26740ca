"""Values with `{{ name }}` in them, filled in as far as that is plain substitution. Pure.

Whatever else Jinja can do (filters, look-ups, conditions) stays a template: only Ansible can do it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DEPTH = 5
"""How far variables that stand for variables are followed."""
_MAX_CHARACTERS = 4096
_TEMPLATE = re.compile(r"\{\{|\{%|\{#")
_NAME = re.compile(r"\{\{-?\s*([A-Za-z_]\w*)\s*-?\}\}")
_UNSAFE = "__ansible_unsafe"


def is_template(text: str) -> bool:
    """Whether Ansible would fill something into `text`."""
    return _TEMPLATE.search(text) is not None


def filled(value: object, variables: Mapping[str, object]) -> object:
    """`value` with what can be filled into it; a text that is still a template where not all can.

    A text that is one `{{ name }}` and no more becomes that variable's value, whatever its type.
    """
    for _ in range(MAX_DEPTH):
        if not isinstance(value, str) or not is_template(value) or len(value) > _MAX_CHARACTERS:
            return value
        whole = _NAME.fullmatch(value.strip())
        if whole is not None and whole[1] in variables:
            value = variables[whole[1]]
            if (text := unsafe_text(value)) is not None:
                return text
        else:
            value = _NAME.sub(lambda found: _text(found, variables), value)
    return value


def _text(found: re.Match[str], variables: Mapping[str, object]) -> str:
    value = variables.get(found[1])
    if (text := unsafe_text(value)) is not None:
        return text
    if isinstance(value, str | int | float):
        return str(value)
    return found[0]


def unsafe_text(value: object) -> str | None:
    """The text of a value that Ansible marks as never a template (`!unsafe`); None for others."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(value.get(_UNSAFE), str):
        text: str = value[_UNSAFE]
        return text
    return None
