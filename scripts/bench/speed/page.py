"""Write docs/speed.md and its pictures from docs/speed.json and docs/sizes.json, which the other scripts here write.

python scripts/bench/speed/page.py
"""

import json
from typing import Any

from matplotlib import rcParams
from matplotlib.figure import Figure
from results import RESULTS, ROOT
from sizes import SIZES

PAGE = ROOT / "docs/speed.md"
RATIOS, GROWTH = ROOT / "docs/speed-ratios.svg", ROOT / "docs/speed-sizes.svg"
rcParams["svg.hashsalt"] = "speed"  # the same figures are the same picture, byte for byte
UNDATED = {"Date": None}
HEAD = """# Speed

What a user waits for, each beside the least that it could cost on the same cores (the floor) and beside what others take
for the same work. The figures of a row were taken in turns in one run, so read the ratios: the machine is shared, and its
pace changes from hour to hour. This page and its pictures are made by `python scripts/bench/speed/page.py` from what the
scripts wrote down; each row names its own.

![how many times the floor, and how many times the best peer](speed-ratios.svg)

"""
NOTES = """
Peers run in environments of their own: fastdup 2.54, Immaculate 0.3 (both Python 3.12) and imagededup 0.3.3 for whole
folders, fastdup's graph for all pairs, image-dedup-ai 0.1.0 (perceptual hashes) for a query from the shell, FAISS 1.15,
hnswlib 0.8 and usearch 2.26 for vectors. imagededup's network fetches its weights when it starts, so that it was given
random ones, which cost the same, and encoded only. Not to be had offline: rclip.

An index searches for a recall@10 of 0.995. Among 100,000 vectors a graph that is content with 0.99 is faster than that, and
slower at the same recall; each row's note says both.

The Huffman codes of a large JPEG are read whole at any scale. That is most of what decoding at a reduced scale, the floor
of those rows, still costs: no build can be further from decoding in full than it.
"""
WATCHED = """
## What gets slower is seen

`make speed`, which CI runs, takes a small set of these ratios and holds them to the history in
[speed-history.csv](speed-history.csv), where `make speed ARGS=--keep` adds a line for each: what is more than 15 % worse in
three tries is told, and fails once five figures of that kind of machine are known.
"""


def main() -> None:
    results = json.loads(RESULTS.read_text())
    parts = [HEAD, table(results), NOTES]
    draw_ratios(results)
    if SIZES.exists():
        sizes = json.loads(SIZES.read_text())
        parts += [growth(sizes)]
        draw_growth(sizes)
    parts.append(WATCHED)
    PAGE.write_text("".join(parts))


def table(results: dict[str, Any]) -> str:
    lines = [
        "| what | floor | ours | ours : floor | peers | best peer : ours | asked |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in results.items():
        unit = row["unit"]
        floor = f"{figure(row['floor'])} {unit}, {row['floor_is']}" if row["floor"] else ""
        peers = ", ".join(f"{peer} {figure(value)} {unit}" for peer, value in row["peers"].items())
        lines.append(
            f"| {name} | {floor} | {figure(row['ours'])} {unit} | {times(row['of_floor'])} | {peers} "
            f"| {times(row['of_peer'])} | {asked(row)} |"
        )
    lines.append("")
    for name, row in results.items():
        note = f": {row['note']}" if row["note"] else ""
        lines.append(f"* {name}{note}. `{row['command']}`, {row['date']}, {row['machine']}.")
    return "\n".join(lines) + "\n"


def asked(row: dict[str, Any]) -> str:
    """What was asked for, and whether it is so."""
    said = []
    for what, must, aim in (("of_floor", "must", "aim"), ("of_peer", "must_of_peer", "aim_of_peer")):
        if row[must] is not None:
            is_cost = what == "of_floor" and not row["more_is_better"]
            for word, limit in (("at most" if is_cost else "at least", row[must]), ("aim", row[aim])):
                if limit is not None:
                    met = row[what] <= limit if is_cost else row[what] >= limit
                    said.append(f"{word} {limit:g}: {'yes' if met else '**no**'}")
    return "; ".join(said)


def figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def draw_ratios(results: dict[str, Any]) -> None:
    """Bars: how far from the floor (1 is the floor itself), and how many times better than the best peer."""
    figure_ = Figure(figsize=(9, 0.45 * len(results) + 1.2), layout="constrained")
    left, right = figure_.subplots(1, 2, sharey=True)
    names = list(results)[::-1]
    floors = [cost(results[name]) for name in names]
    peers = [results[name]["of_peer"] or 0 for name in names]
    for axes, values, title in (
        (left, floors, "cost, as a multiple of the floor's"),
        (right, peers, "times better than the best peer"),
    ):
        axes.barh(names, values, color="#4c78a8")
        axes.axvline(1, color="black", linewidth=0.8)
        axes.set_title(title, fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(axis="x", alpha=0.3)
    left.set_xlim(0, 4)  # below the floor of an exact scan lies what is approximate
    right.set_xscale("symlog", linthresh=2)
    figure_.savefig(RATIOS, metadata=UNDATED)


def cost(row: dict[str, Any]) -> float:
    if row["of_floor"] is None:
        return 0.0
    return 1 / row["of_floor"] if row["more_is_better"] else row["of_floor"]


def growth(sizes: dict[str, Any]) -> str:
    counts = sorted(sizes["rows"], key=int)
    lines = [
        "\n## Cost against size\n",
        "By `python scripts/bench/speed/sizes.py PHOTOS --real VECTORS.npz`. Builds are of real photos and cut-outs of",
        "them; queries, dedupe and rebuilds of drawn indexes; joins and search structures of vectors drawn like the photos'.",
        "The exponent says how a cost grows: 1 as the number of pictures, 2 as its square, 0 not at all.\n",
        f"| what | {' | '.join(f'{int(count):,}' for count in counts)} | exponent |",
        f"|---|{'---|' * (len(counts) + 1)}",
    ]
    for name in dict.fromkeys(name for count in counts for name in sizes["rows"][count]):
        values = [sizes["rows"][count].get(name) for count in counts]
        shown = " | ".join("" if value is None else figure(value) for value in values)
        exponent = sizes["exponents"].get(name)
        lines.append(f"| {name} | {shown} | {'' if exponent is None else f'{exponent:.2f}'} |")
    return "\n".join([*lines, "", "![cost against the number of pictures](speed-sizes.svg)", ""])


def draw_growth(sizes: dict[str, Any]) -> None:
    figure_ = Figure(figsize=(9, 4), layout="constrained")
    axes = figure_.subplots(1, 2)
    for ax, unit in zip(axes, ("s", "MiB"), strict=True):
        ax.set(xscale="log", yscale="log", xlabel="pictures", ylabel="seconds" if unit == "s" else "MiB")
        names = dict.fromkeys(
            name
            for row in sizes["rows"].values()
            for name in row
            if f", {unit}" in name or f" {unit}" in name
        )
        for name in names:
            points = sorted((int(count), row[name]) for count, row in sizes["rows"].items() if name in row)
            ax.plot(*zip(*points, strict=True), marker="o", markersize=3, label=name.partition(",")[0])
        ax.grid(alpha=0.3)
        ax.legend(frameon=False, fontsize=7)
    figure_.savefig(GROWTH, metadata=UNDATED)


if __name__ == "__main__":
    main()
