"""`python -m tests.bench NAME [options]`: run one benchmark and print its table."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

HELPERS = {"contenders", "fleets", "tables"}
NAMES = sorted(
    {path.stem for path in Path(__file__).parent.glob("[!_]*.py")} - HELPERS,
)


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        print(f"usage: python -m tests.bench NAME, one of {', '.join(NAMES)}", file=sys.stderr)
        return 2
    module = importlib.import_module(f"tests.bench.{sys.argv[1]}")
    result: int = module.main(sys.argv[2:])
    return result


sys.exit(main())
