"""Puts the tables of benchmarks.json between the marks of benchmarks.md: `python docs/benchmark_tables.py`.

The figures come from `python examples/compare_libraries.py --json docs/benchmarks.json`; nobody types them.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
NAMES = {
    "graphrnn": "graphrnn",
    "nn4n": "nn4n",
    "dense": "dense torch",
    "dense_tf32": "dense torch (TF32)",
    "dense_graph": "dense torch (CUDA graph)",
    "torch_csr": "torch CSR",
    "torch_sparse": "torch-sparse",
    "jax_dense": "JAX dense",
    "jax_bcoo": "JAX BCOO",
    "brainevent": "brainevent",
}


def tables(report: dict[str, Any]) -> str:
    """All that follows from a file of results, as Markdown."""
    parts = [_setting(report), _milliseconds(report), _ratios(report), _winners(report), _absent(report)]
    return "\n\n".join(part for part in parts if part)


def fill(page: str, text: str) -> str:
    """A page with other text between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"`fill(page, text)` needs a page with {BEGIN} and then {END}.")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def _setting(report: dict[str, Any]) -> str:
    machine = report["machine"]
    place = f"{machine['processor']}, {report['threads']} of {machine['cores']} cores"
    gpu = "" if machine["device"] == "cpu" else f", {machine['device']}"
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    return (
        f"On {place}, {machine['memory_gb']:.0f} GB{gpu}, {machine['system']}; Python {machine['python']}, "
        f"{versions}. Medians of {report['rounds']} rounds, float32."
    )


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join([_row(head), _row(["---", *["---:"] * (len(head) - 1)]), *map(_row, rows)])


def _medians(case: dict[str, Any]) -> dict[str, float]:
    return {name: statistics.median(seconds) for name, seconds in case["seconds"].items()}


def _milliseconds(report: dict[str, Any]) -> str:
    rows = []
    timed = [
        library for library in NAMES if any(library in case["seconds"] for case in report["cases"].values())
    ]
    for name, case in report["cases"].items():
        medians = _medians(case)
        best = min(medians.values())
        cells = []
        for library in timed:
            if library not in medians:
                cells.append("–")
                continue
            text = _short(1e3 * medians[library])
            cells.append(f"**{text}**" if medians[library] == best else text)
        size = f"{case['neurons']:,} neurons, {case['synapses']:,} synapses"
        rows.append([f"{name}: {size}, T = {case['time_steps']}, B = {case['batch']}", *cells])
    return "Milliseconds for one training step:\n\n" + _table(
        ["case", *(NAMES[library] for library in timed)], rows
    )


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _ratios(report: dict[str, Any]) -> str:
    head = ["case", "than the best peer", "than nn4n", "of the gather limit", "peak memory"]
    rows = []
    for name, case in report["cases"].items():
        medians, own = _medians(case), case["benchmark"]
        best = min((library for library in medians if library != "graphrnn"), key=medians.__getitem__)
        times = medians[best] / medians["graphrnn"]
        nn4n = f"{medians['nn4n'] / medians['graphrnn']:.1f}" if "nn4n" in medians else "–"
        result = own["results"][0]
        step = statistics.median(result["seconds"])
        limit = "–" if own["limit"] is None else f"{own['limit'] / step:.0%}"
        memory = "–" if result["memory"] is None else f"{result['memory'] / 1e6:,.0f} MB"
        rows.append([name, f"{times:.1f} ({NAMES[best]})", nn4n, limit, memory])
    return "How many times as fast graphrnn is, and what it leaves of the machine:\n\n" + _table(head, rows)


def _winners(report: dict[str, Any]) -> str:
    """Where a peer is faster, in words; the honest part."""
    sentences = []
    for name, case in report["cases"].items():
        medians = _medians(case)
        for library, seconds in sorted(medians.items(), key=lambda item: item[1]):
            if library != "graphrnn" and seconds < medians["graphrnn"]:
                times = medians["graphrnn"] / seconds
                sentences.append(f"In {name}, {NAMES[library]} is {times:.2f} times as fast as graphrnn.")
    return " ".join(sentences) or "No peer was faster than graphrnn in any of these cases."


def _absent(report: dict[str, Any]) -> str:
    found: dict[tuple[str, ...], list[str]] = {}
    for name, case in report["cases"].items():
        reasons: dict[str, list[str]] = {}
        for library, why in case["left_out"].items():
            reasons.setdefault(why, []).append(NAMES[library])
        for why, names in reasons.items():
            found.setdefault((why, *names), []).append(name)
    return " ".join(
        f"{', '.join(cases)} without {', '.join(names)}: {why}." for (why, *names), cases in found.items()
    )


def main() -> None:
    """Rewrite the page."""
    report = json.loads((HERE / "benchmarks.json").read_text(encoding="utf-8"))
    page = HERE / "benchmarks.md"
    page.write_text(fill(page.read_text(encoding="utf-8"), tables(report)), encoding="utf-8")


if __name__ == "__main__":
    main()
