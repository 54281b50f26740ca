"""Runs a plan over its hosts. Knows transports by their protocol; nothing of comparison."""

from __future__ import annotations

from fleetdiag.executor.threads import run_hosts

__all__ = ["run_hosts"]
