"""What `ansible-inventory --list` prints for many inventories, its start paid for once.

Run with a Python that has ansible-core: `ansible_listings.py DIRECTORY…`; each is listed by the
program's own code in a process forked after its imports. Prints a JSON object, name -> listing.
"""

import json
import os
import sys
import tempfile
from pathlib import Path


def inventory(directory: Path) -> str:
    """The inventory of a case, from its directory; empty where its ansible.cfg names it."""
    found = sorted(path.name for path in directory.glob("inventory*"))
    return found[0] if found else ""


def listing(directory: Path) -> object:
    """What the program prints for one case."""
    # Untyped here: the tests are checked with and without ansible-core.
    cli = __import__("ansible.cli.inventory", fromlist=["InventoryCLI"])
    with tempfile.TemporaryFile() as printed:
        if (child := os.fork()) == 0:
            os.chdir(directory)
            os.dup2(printed.fileno(), 1)
            arguments = ["-i", inventory(directory)] if inventory(directory) else []
            try:
                cli.InventoryCLI(["ansible-inventory", *arguments, "--list"]).run()
            finally:
                sys.stdout.flush()
                os._exit(0)
        os.waitpid(child, 0)
        printed.seek(0)
        return json.load(printed)


if __name__ == "__main__":
    cases = [Path(each) for each in sys.argv[1:]]
    sys.stdout.write(json.dumps({case.name: listing(case) for case in cases}))
