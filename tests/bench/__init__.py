"""Benchmarks, side by side with the peers: `python -m tests.bench NAME`."""
