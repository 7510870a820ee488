"""Files of ten million synapses, by hand: `pytest -m large -s tests/test_large_files.py`."""

import pytest
from test_large import measured

pytest.importorskip("pyarrow", reason="Parquet is an extra")
pytest.importorskip("h5py", reason="SONATA is an extra")

MAKE = """
import json, resource, sys, time
import numpy as np
import scipy.sparse
import graphrnn as gr

def figures(started, worked):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return time.perf_counter() - started, time.process_time() - worked, peak

n, m = 100_000, 10_000_000
rng = np.random.default_rng(0)
keys = np.unique(rng.integers(0, n * n, m + 200_000))[:m]
matrix = scipy.sparse.coo_array((rng.random(m), (keys // n, keys % n)), shape=(n, n)).tocsr()
"""
WRITE = MAKE + "net = gr.Connectome.from_matrix(matrix)\n"
WRITE += "start = time.perf_counter(), time.process_time()\n"
WRITE += "gr.io.write(net, {path!r})\nprint(json.dumps(figures(*start)))"
READ = MAKE + "start = time.perf_counter(), time.process_time()\n"
READ += "net = gr.io.read({path!r})\nresult = figures(*start)\n"
READ += "assert (net.hidden.matrix != matrix).nnz == 0\nprint(json.dumps(result))"


@pytest.mark.large
@pytest.mark.parametrize(
    ("ending", "limit"), [(".csv", 60), (".tsv", 60), (".parquet", 10), (".npz", 10), (".h5", 10)]
)
def test_ten_million_synapses_are_written_and_read(ending, limit, tmp_path):
    path = str(tmp_path / f"net{ending}")
    for what, script in (("written", WRITE), ("read", READ)):
        seconds, worked, peak = measured(script.format(path=path))
        print(f"\n{ending} {what}: {seconds:.1f} s, {worked:.1f} s of work, {peak:.2f} GB")  # noqa: T201
        assert worked < limit  # the clock says more where others share the cores
        assert peak < 4
