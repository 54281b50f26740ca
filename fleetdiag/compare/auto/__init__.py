"""How a step is compared where its playbook does not say: by its command, its name, or its looks.

Knows nothing of hosts or findings: it hands out a `Compare` and the names of rule sets.
"""

from fleetdiag.compare.auto.choice import Chosen, choose, describe

__all__ = ["Chosen", "choose", "describe"]
