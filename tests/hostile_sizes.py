"""Damaged files of 100 MB: how much work and memory it takes until each reader refuses them.

    python tests/hostile_sizes.py --folder /tmp/hostile .csv .h5

Each file is read in a process of its own that has already read a small one. The work is the processor's
seconds, of all threads, since others may share the cores; the memory is how far the peak rose over what the
process had. What is over the limits is marked, and so is what was read as if it were whole though it was not.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import scipy.sparse

import graphrnn as gr

SIZE = 100_000_000  # bytes
WORK, GROWTH = 2.0, 60.0  # seconds of work, MB
EDGES = {
    ".csv": 1_900_000,
    ".tsv": 1_900_000,
    ".csv.gz": 3_900_000,
    ".parquet": 8_500_000,
    ".graphml": 700_000,
    ".gexf": 570_000,
    ".npz": 6_200_000,
    ".h5": 1_500_000,
    ".mtx": 3_300_000,
    ".mat": 8_000_000,
    ".npy": 12_000_000,
}
CHILD = """
import hashlib, json, sys, time
from pathlib import Path
import graphrnn as gr

small, path = sys.argv[1:]
gr.io.read(small)

def memory(what):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if what in line).split()[1]) / 1e3

Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
before, start, work = memory("VmRSS"), time.perf_counter(), time.process_time()
try:
    net = gr.io.read(path)
    said = ""
except (ValueError, TypeError) as error:
    said = str(error)
except Exception as error:
    said = f"RAISED {type(error).__name__}: {error}"
figures = time.process_time() - work, time.perf_counter() - start, memory("VmHWM") - before
if not said:
    digest = hashlib.md5()
    for part in net.names, *(getattr(net.hidden, name) for name in ("post", "pre", "weight", "type")):
        digest.update(b"" if part is None else part.tobytes())
    said = "READ " + digest.hexdigest()
print(json.dumps([*figures, said]))
"""


def network(edges, neurons=100_000):
    rng = np.random.default_rng(0)
    keys = np.unique(rng.integers(0, neurons * neurons, int(edges * 1.05)))
    keys = np.sort(rng.choice(keys, min(edges, keys.size), replace=False))
    weights = rng.normal(size=keys.size)
    return gr.Connectome.from_matrix(
        scipy.sparse.coo_array((weights, (keys // neurons, keys % neurons)), shape=(neurons, neurons)).tocsr()
    )


def make(ending, folder):
    """A whole file of about 100 MB, and a small one."""
    dense = ending == ".npy"
    for name, edges in (("small", 50), ("whole", EDGES[ending])):
        neurons = int(edges**0.5) + 5 if dense else 10 if name == "small" else 100_000
        path = folder / f"{name}{ending}"
        if not path.exists():
            gr.io.write(network(edges, neurons), path)
    return folder / f"small{ending}", folder / f"whole{ending}"


def overwritten(at):
    def change(file, size):
        file.seek(int(size * at))
        file.write(np.random.default_rng(1).bytes(64))

    return change


def last(old, new):
    """The last place of some bytes in the end of the file, changed."""

    def change(file, size):
        file.seek(max(0, size - 4096))
        end = file.read()
        found = list(re.finditer(old, end))
        assert found, end[-300:]
        changed = end[: found[-1].start()] + found[-1].expand(new) + end[found[-1].end() :]
        file.seek(max(0, size - 4096))
        file.truncate()
        file.write(changed)

    return change


DAMAGE = {
    "cut at half": lambda file, size: file.truncate(size // 2),
    "cut by 40 bytes": lambda file, size: file.truncate(size - 40),
    "first 8 bytes zero": lambda file, _: file.write(bytes(8)),
    "bytes at 0.1 %": overwritten(0.001),
    "bytes at half": overwritten(0.5),
    "bytes at 99.9 %": overwritten(0.999),
    "garbage": lambda file, size: file.write(np.random.default_rng(2).bytes(size)),
    "zeros": lambda file, size: file.write(bytes(size)),
}
OWN = {
    ".csv": {
        "no number in the last row": last(rb"[^,\n]+\n\Z", rb"two\n"),
        "a cell less in the last row": last(rb",[^,\n]+\n\Z", rb"\n"),
        "no name in the last row": last(rb"\n[^,\n]+,([^\n]+\n)\Z", rb"\n,\1"),
        "an id of no node at the end": last(rb"\n[^,\n]+,([^\n]+\n)\Z", rb"\nnobody,\1"),
        "a quote in the last row": last(rb"\n([^,\n]+,[^\n]+\n)\Z", rb'\n"\1'),
    },
    ".graphml": {
        "no number in the last edge": last(rb">-?[0-9.e-]+</data></edge>", b">two</data></edge>"),
        "no source in the last edge": last(rb'<edge source="[^"]*"', b"<edge"),
        "an id of no node at the end": last(rb' target="[^"]*"', b' target="nobody"'),
    },
    ".gexf": {
        "no number in the last edge": last(rb' weight="[^"]*"', b' weight="two"'),
        "no source in the last edge": last(rb' source="[^"]*"', b""),
        "an id of no node at the end": last(rb' target="[^"]*"', b' target="nobody"'),
    },
    ".mtx": {
        "row 0 in the last entry": last(rb"\n[0-9]+ ([^\n]+\n)\Z", rb"\n0 \1"),
        "no number in the last entry": last(rb"[^ \n]+\n\Z", rb"two\n"),
    },
    ".npy": {
        "NaN at the end": lambda file, size: (file.seek(size - 8), file.write(np.array([np.nan]).tobytes()))
    },
}


def measured(small, path):
    out = subprocess.run(
        [sys.executable, "-c", CHILD, small, path], capture_output=True, text=True, check=False
    )
    if out.returncode:
        return [0, 0, 0, f"DIED {out.returncode} {out.stderr[-300:]}"]
    return json.loads(out.stdout.splitlines()[-1])


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument(
        "--folder", type=Path, required=True, help="where the files are made; some gigabytes"
    )
    options.add_argument("endings", nargs="*", default=list(EDGES))
    given = options.parse_args()
    for ending in given.endings:
        whole_says = ""
        small, whole = make(ending, given.folder)
        path = given.folder / f"damaged{ending}"
        beside, nodes = (p.with_name(p.name.replace(ending, f".nodes{ending}")) for p in (path, whole))
        if nodes.exists():
            shutil.copyfile(nodes, beside)
        for what, change in ({"whole": lambda *_: None} | DAMAGE | OWN.get(ending, {})).items():
            shutil.copyfile(whole, path)
            with open(path, "r+b") as file:
                change(file, whole.stat().st_size)
            work, clock, growth, said = measured(small, path)
            whole_says = said if what == "whole" else whole_says
            marks = {"SLOW": work > WORK, "LARGE": growth > GROWTH, "OTHER": said.startswith("READ")}
            over = "" if said == whole_says else " ".join(mark for mark, holds in marks.items() if holds)
            size = path.stat().st_size / 1e6
            print(  # noqa: T201
                f"{ending:9} {what:28} {size:4.0f} MB {work:5.1f} s of work {clock:5.1f} s {growth:6.0f} MB "
                f"{over:12} {re.sub(r'^`.*?` ', '', said)[:150]}",
                flush=True,
            )
        path.unlink()


if __name__ == "__main__":
    main()
