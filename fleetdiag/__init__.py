"""Run diagnostic playbooks over a fleet by SSH and compare the hosts with each other."""

__version__ = "0.1.0"
