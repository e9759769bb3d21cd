"""Write docs/scale.md: what 10 million, a thousand million and a hundred thousand million pictures would take, on paper.

    python scripts/bench/scale_plan.py

What was measured comes from docs/speed.json and docs/sizes.json, which scripts/bench/speed/ writes on one machine of two
cores; what is assumed stands in `PRICES` and in the page. Nothing here was run at these sizes.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[2]
PAGE, CURVE = ROOT / "docs/scale.md", ROOT / "docs/scale.svg"
PLANNED = {"10 million": 10**7, "1 billion": 10**9, "100 billion": 10**11}
NEW_A_NIGHT = 0.001  # of all pictures
SPACES, DIM = 2, 256
MEASURED_CORES = 2


@dataclass(frozen=True)
class Prices:
    """What a rented machine costs, rounded from public price lists of large clouds: assumptions, in US dollars."""

    core_hour: float = 0.03
    gib_hour: float = 0.004  # of memory
    disk_gib_month: float = 0.10  # of fast disks


PRICES = Prices()
HOURS_A_MONTH = 730


@dataclass(frozen=True)
class IndexKind:
    """A search structure: bytes of memory and of disk that it takes a vector, and microseconds of one core a query.

    The time is ``base_us`` at a million vectors, and grows by ``exponent``.
    """

    name: str
    memory_bytes: float
    disk_bytes: float
    base_us: float
    exponent: float
    source: str

    def query_us(self, count: float) -> float:
        return self.base_us * (count / 1e6) ** self.exponent


def measured() -> dict[str, Any]:
    speed = json.loads((ROOT / "docs/speed.json").read_text())
    sizes = json.loads((ROOT / "docs/sizes.json").read_text())
    return {"speed": speed, **sizes}


def kinds(facts: dict[str, Any]) -> list[IndexKind]:
    """The structures that are compared: ours and HNSW as measured, the others by their papers' bytes."""
    million = facts["speed"]["one query, 1,000,000 vectors, object"]
    hundred = facts["speed"]["one query, 100,000 vectors, object"]

    def grown(after: float, before: float) -> float:
        return max(0.0, math.log10(after / before))

    ours = grown(million["ours"], hundred["ours"])
    graph = grown(million["peers"]["hnswlib"], hundred["peers"]["hnswlib"])
    return [
        IndexKind(
            "cells, 4 and 8 bits (ours)",
            340,
            340,
            1000 * million["ours"],
            ours,
            "measured at 100,000 and 1,000,000",
        ),
        IndexKind(
            "HNSW, whole vectors",
            4 * DIM + 2 * 16 * 4 * 1.1,
            4 * DIM,
            1000 * million["peers"]["hnswlib"],
            graph,
            "time measured (hnswlib); M = 16",
        ),
        IndexKind(
            "IVF-RaBitQ, 1 bit, refined from disk",
            DIM / 8 + 8 + 8,
            DIM,
            1000 * million["ours"] * 0.5,
            ours,
            "bytes of Gao and Long, 2024; time assumed: half of ours, for half the bytes are gone through",
        ),
        IndexKind(
            "DiskANN",
            32 + 8,
            4096,
            5000,
            0.1,
            "bytes and the 5 ms of Subramanya et al., 2019: a page of 4 KiB a vector, some 100 reads a query",
        ),
    ]


def plan(count: int, facts: dict[str, Any]) -> dict[str, float]:
    """What so many pictures take: bytes, core-hours, machines."""
    row = facts["rows"]["100000"]
    a_second = facts["speed"]["build of 9,209 photos"]["ours"] / MEASURED_CORES
    database = row["index on disk, MiB"] * 2**20 / 100_000
    pairs_a_core_second = 100_000**2 / 2 / row["join, s"] / MEASURED_CORES
    met = 3 * 4096  # a content's own cell and two neighbours, of the size that `join_limit` makes
    return {
        "encode, core-hours": count / a_second / 3600,
        "database, GiB": count * database / 2**30,
        "exact join, core-hours": count**2 / 2 / pairs_a_core_second / 3600,
        "join by cells, core-hours": count * met / 2 / pairs_a_core_second / 3600,
        "a night's new, encoded, core-hours": NEW_A_NIGHT * count / a_second / 3600,
        "commit, core-hours": SPACES * MEASURED_CORES * row["search structure, s"] * (count / 1e5) / 3600,
    }


def said(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows), ""])


def plans(facts: dict[str, Any]) -> str:
    planned = {name: plan(count, facts) for name, count in PLANNED.items()}
    names = list(next(iter(planned.values())))
    return table(["", *planned], [[name, *(said(one[name]) for one in planned.values())] for name in names])


def structures(facts: dict[str, Any]) -> str:
    rows = []
    for kind in kinds(facts):
        for name, count in PLANNED.items():
            memory, disk = (SPACES * count * each / 2**30 for each in (kind.memory_bytes, kind.disk_bytes))
            shards = max(1, math.ceil(memory / 256))
            core_us = shards * kind.query_us(count / shards)
            monthly = HOURS_A_MONTH * memory * PRICES.gib_hour + disk * PRICES.disk_gib_month
            million = core_us / 3600 * PRICES.core_hour  # microseconds each, a million of them
            rows.append(
                [
                    kind.name,
                    name,
                    said(memory),
                    said(disk),
                    str(shards),
                    said(core_us / 1000),
                    said(monthly),
                    said(million),
                ]
            )
    header = [
        "structure",
        "pictures",
        "memory, GiB",
        "disk, GiB",
        "machines of 256 GiB",
        "ms of a core a query",
        "$ a month",
        "$ a million queries",
    ]
    return table(header, rows)


def draw(facts: dict[str, Any]) -> None:
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    counts = [10**power for power in range(5, 12)]
    for kind in kinds(facts):
        dollars = [
            HOURS_A_MONTH * SPACES * count * kind.memory_bytes / 2**30 * PRICES.gib_hour
            + SPACES * count * kind.disk_bytes / 2**30 * PRICES.disk_gib_month
            for count in counts
        ]
        left.plot(counts, dollars, marker="o", markersize=3, label=kind.name)
    for name in (
        "encode, core-hours",
        "exact join, core-hours",
        "join by cells, core-hours",
        "commit, core-hours",
    ):
        right.plot(
            counts,
            [plan(count, facts)[name] for count in counts],
            marker="o",
            markersize=3,
            label=name.partition(",")[0],
        )
    left.set(xscale="log", yscale="log", xlabel="pictures", ylabel="$ a month, to be searched")
    right.set(xscale="log", yscale="log", xlabel="pictures", ylabel="core-hours")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=7)
    figure.savefig(CURVE)


HEAD = """# Beyond one machine, on paper

What much larger catalogues would take, by arithmetic from what was measured on two cores ([speed.md](speed.md)), and what
breaks first. **Nothing here was run at these sizes**; the largest that was is a million vectors and a hundred thousand
pictures. The page is made by `python scripts/bench/scale_plan.py`.

![cost against the number of pictures](scale.svg)

## Work

A picture is encoded once. A night brings 0.1 % new ones. "By cells" is `index dedupe` beyond `join_limit`: each content meets
its own cell of 4,096 and two neighbours. "Commit" writes the search structure of both spaces anew, as each build does today.

"""
SEARCH = """
## Search

Two spaces of 256 dimensions. A machine has 256 GiB of memory; where more are needed each holds a part, and a query asks all.
Memory at ${gib:g} a GiB and hour, disks at ${disk:g} a GiB and month, cores at ${core:g} an hour: assumptions. Recall differs
(ours and HNSW at 0.99 or more; the others as their papers say, after refining).

"""
TAIL = """
## What breaks first

* **10 million, on one large machine.** Memory is no trouble: the structures of both spaces take some 6 GiB. The commit is:
  each build writes them anew. Before that a night's rows are still few for SQLite, whose file grows to the size above; its
  one writer is enough. What to do: `--executor` for the first encoding, PostgreSQL where several machines ask, and search
  structures that take additions, which a vector engine has (`--vectors`) and the index's own files do not.
* **1 billion, on tens of machines.** The database has terabytes of vectors: they belong into objects beside it, by shard, and
  the rows into a partitioned PostgreSQL; one advisory lock for all writers becomes one a partition. Whole vectors in
  memory (HNSW) cost several times what compressed ones do; IVF-RaBitQ with the refinement on disk, or DiskANN, is the
  choice. The join is by cells, and the assignment to cells, which is done by one process today, has to be a task as well.
* **100 billion, on thousands.** Encoding alone is hundreds of thousands of core-hours, which GPUs shorten. A query that
  asks every machine is as slow as the slowest: vectors are placed by their cells, so that a query asks few. Two levels of
  centres are needed to find a cell among tens of millions. The ledger of decisions stays small, and is the one part that
  must never be sharded away from its backups.

## What is built of it

Builds and joins over Ray's workers (`--executor`), joins by cells with a measured recall, the database on PostgreSQL, and
vectors on Milvus, which takes additions and is asked by queries (`--vectors`); each was run on one machine
([guide](guide.md#more-than-one-machine), [engines](engines.md)). Shards of the database are not built, nor is a join that
reads its vectors from the engine: a night reads all of them from the database.
"""


def main() -> None:
    facts = measured()
    search = SEARCH.format(gib=PRICES.gib_hour, disk=PRICES.disk_gib_month, core=PRICES.core_hour)
    PAGE.write_text(HEAD + plans(facts) + search + structures(facts) + sources(facts) + TAIL)
    draw(facts)


def sources(facts: dict[str, Any]) -> str:
    return "\n" + "".join(f"* {kind.name}: {kind.source}.\n" for kind in kinds(facts))


if __name__ == "__main__":
    main()
