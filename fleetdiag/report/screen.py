"""Lines for a terminal of known width: printable, never too long, in colour where wanted."""

from __future__ import annotations

from fleetdiag.report.plain import cells, clip, printable, wrap

RESET = "\x1b[0m"
STYLES = {
    "critical": "\x1b[1;31m",
    "warning": "\x1b[33m",
    "info": "\x1b[2m",
    "dim": "\x1b[2m",
    "bold": "\x1b[1m",
    "plus": "\x1b[32m",
    "minus": "\x1b[31m",
}

Span = str | tuple[str, str]
"""Text, or text and the name of its style."""


class Screen:
    """Collects lines; none is longer than `columns`, none ends in a blank."""

    def __init__(self, columns: int, *, color: bool) -> None:
        self.columns = columns
        self._color = color
        self._lines: list[str] = []

    def line(self, *spans: Span) -> None:
        """One line of `spans`; what does not fit is cut with an ellipsis."""
        left = self.columns
        parts: list[str] = []
        texts = [span if isinstance(span, tuple) else (span, "") for span in spans]
        if texts:
            texts[-1] = (texts[-1][0].rstrip(), texts[-1][1])
        for text, style in texts:
            shown = clip(printable(text), left)
            left -= cells(shown)
            parts.append(self._styled(shown, style))
        self._lines.append("".join(parts).rstrip(" "))

    def wrapped(self, text: str, *, indent: str = "", style: str = "", most: int = 100) -> None:
        """`text` over several lines, each after `indent`."""
        for line in wrap(printable(text), self.columns - cells(indent), most=most):
            self.line(indent, (line, style))

    def gap(self) -> None:
        """One blank line, where there is something above it and it is not blank."""
        if self._lines and self._lines[-1]:
            self._lines.append("")

    def text(self) -> str:
        """All lines, ending with a newline."""
        return "\n".join(self._lines).rstrip("\n") + "\n"

    def _styled(self, text: str, style: str) -> str:
        if not self._color or not style or not text.strip():
            return text
        return f"{STYLES[style]}{text}{RESET}"
