"""How often healthy numbers are called odd, and how often faulty ones are found, by simulation.

    python -m tests.bench.outliers [--rounds 400] [--seed 1]

Rows are kinds of healthy fleets, columns numbers of hosts. The first tables count metrics in which
any host was called odd (false alarms), and those called a split; the others the share of planted
hosts that were found, where a tenth of the hosts (at least one) has the fault. Nothing is timed.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Mapping, Sequence

from tabulate import tabulate

from fleetdiag.compare.outliers import Outliers, odd_counts, odd_hosts
from fleetdiag.model import Field, Unit

SIZES = (5, 10, 20, 50, 200)
Draw = Callable[[random.Random, int], list[float]]
Judge = Callable[[Mapping[str, float]], Outliers]


def each(draw: Callable[[random.Random], float]) -> Draw:
    return lambda rng, count: [draw(rng) for _ in range(count)]


def poisson(rng: random.Random, mean: float) -> int:
    """Knuth's product for small means, in pieces of at most 30 (the sum of Poissons is one)."""
    total = 0
    while mean > 0:
        part = min(mean, 30.0)
        mean -= part
        limit, product = math.exp(-part), rng.random()
        while product > limit:
            total += 1
            product *= rng.random()
    return total


def negative_binomial(rng: random.Random, mean: float, shape: float) -> int:
    """A Poisson whose mean varies from host to host (gamma); variance mean + mean² / shape."""
    return poisson(rng, rng.gammavariate(shape, mean / shape))


def halves(rng: random.Random, count: int) -> list[float]:
    return [
        rng.gauss(1000, 50) if place < count // 2 else rng.gauss(4000, 200)
        for place in range(count)
    ]


def percent(mean: float, sigma: float) -> Draw:
    return each(lambda rng: min(100.0, max(0.0, rng.gauss(mean, sigma))))


# Plain numbers, their scale far above the floor, so that the floor does not help.
PLAIN: dict[str, Draw] = {
    "normal, 10 % spread": each(lambda rng: rng.gauss(1000, 100)),
    "normal, 30 % spread": each(lambda rng: max(0.0, rng.gauss(1000, 300))),
    "lognormal 0.5": each(lambda rng: 1000 * rng.lognormvariate(0, 0.5)),
    "lognormal 1.0": each(lambda rng: 1000 * rng.lognormvariate(0, 1.0)),
    "uniform from 0": each(lambda rng: rng.uniform(0, 1000)),
    "exponential": each(lambda rng: rng.expovariate(1 / 1000)),
    "Poisson 2": each(lambda rng: poisson(rng, 2)),
    "Poisson 20": each(lambda rng: poisson(rng, 20)),
    "Poisson 300": each(lambda rng: poisson(rng, 300)),
    "bimodal, two halves": halves,
    "one in five not 0": each(lambda rng: rng.expovariate(1 / 50) if rng.random() < 0.2 else 0.0),
}
SHARES: dict[str, Draw] = {
    "percent 45 ± 8": percent(45, 8),
    "percent 90 ± 3": percent(90, 3),
    "percent, uniform": each(lambda rng: rng.uniform(0, 100)),
    "percent, exponential 3": each(lambda rng: min(100.0, rng.expovariate(1 / 3))),
    "percent, exponential 10": each(lambda rng: min(100.0, rng.expovariate(1 / 10))),
}
COUNTS: dict[str, Draw] = {
    **{
        f"Poisson {mean:g}": each(lambda rng, mean=mean: poisson(rng, mean))  # type: ignore[misc]
        for mean in (0.5, 2, 10, 100, 1000)
    },
    **{
        f"neg. binomial {mean:g}, {shape:g}": each(
            lambda rng, mean=mean, shape=shape: negative_binomial(rng, mean, shape)  # type: ignore[misc]
        )
        for mean in (2, 20, 200)
        for shape in (1.0, 3.0)
    },
}


def plain(values: Mapping[str, float]) -> Outliers:
    return odd_hosts(values, Field("n"), Unit.NONE)


def share(values: Mapping[str, float]) -> Outliers:
    return odd_hosts(values, Field("n", unit=Unit.PERCENT), Unit.PERCENT)


def events(values: Mapping[str, float]) -> Outliers:
    return Outliers(0.0, odd_counts({host: int(value) for host, value in values.items()}).odd)


def fleet(values: Sequence[float]) -> dict[str, float]:
    return {f"h{place}": value for place, value in enumerate(values)}


def alarms(draw: Draw, judge: Judge, size: int, rounds: int, rng: random.Random) -> str:
    """Shares of metrics with an odd host, and with a split."""
    found = [judge(fleet(draw(rng, size))) for _ in range(rounds)]
    odd = sum(bool(one.odd) for one in found) / rounds
    split = sum(one.split is not None for one in found) / rounds
    return f"{100 * odd:.1f} %" + (f", split {100 * split:.0f} %" if split else "")


def hits(
    draw: Draw,
    judge: Judge,
    size: int,
    rounds: int,
    rng: random.Random,
    fault: Callable[[float], float],
) -> str:
    """The share of the planted hosts that were found; in brackets, with a healthy one beside."""
    bad = max(1, size // 10)
    found = beside = 0
    for _ in range(rounds):
        values = draw(rng, size)
        values[:bad] = [fault(value) for value in values[:bad]]
        odd = set(judge(fleet(values)).odd)
        planted = {f"h{place}" for place in range(bad)}
        found += len(odd & planted)
        beside += bool(odd - planted)
    return f"{100 * found / rounds / bad:.0f} % ({100 * beside / rounds:.0f})"


HEALTHY: tuple[tuple[str, dict[str, Draw], Judge], ...] = (
    ("numbers", PLAIN, plain),
    ("percentages", SHARES, share),
    ("counts of log events", COUNTS, events),
)
FAULTS: dict[str, tuple[dict[str, Draw], Judge, Callable[[float], float]]] = {
    "x3": (PLAIN, plain, lambda value: 3 * value),
    "x10": (PLAIN, plain, lambda value: 10 * value),
    "to 0": (PLAIN, plain, lambda value: 0.0),
    "to 95 %": (SHARES, share, lambda value: 95.0),
    "to 0 %": (SHARES, share, lambda value: 0.0),
    "count x10 + 10": (COUNTS, events, lambda value: 10 * value + 10),
}


def table(title: str, draws: dict[str, Draw], cell: Callable[[Draw, int], str]) -> None:
    rows = [[name, *(cell(draw, size) for size in SIZES)] for name, draw in draws.items()]
    print(f"\n{title}\n")
    print(tabulate(rows, headers=["healthy values", *map(str, SIZES)]))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; 0 whatever they say: a benchmark tells, it does not judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench outliers")
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    rng = random.Random(options.seed)
    for name, draws, judge in HEALTHY:
        table(
            f"false alarms, {name}: share of healthy metrics with an odd host",
            draws,
            lambda draw, size, judge=judge: alarms(draw, judge, size, options.rounds, rng),  # type: ignore[misc]
        )
    for name, (draws, judge, fault) in FAULTS.items():
        table(
            f"found, {name}: share of planted hosts (in brackets: metrics with a healthy one too)",
            draws,
            lambda draw, size, judge=judge, fault=fault: hits(  # type: ignore[misc]
                draw, judge, size, options.rounds, rng, fault
            ),
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
