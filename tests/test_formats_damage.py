"""Damage is found: a file of graphrnn whose bytes have changed is refused, or the change means nothing."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from cases import NETWORKS
from test_formats_hostile import limited, npy
from test_io import error_of

import graphrnn as gr
from graphrnn.connectome.edges import neuron_names


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def content_of(net):
    parts = [net.synapses(which) for which in ("input", "hidden", "readout")]
    columns = [[part.post, part.pre, part.weight, part.delay] for part in parts]
    arrays = [*itertools.chain(*columns), neuron_names(net), net.sign, net.tau, net.positions]
    return [None if array is None else array.tobytes() for array in arrays]


def outcomes(path, net, contents):
    """How many contents are refused; all others give the network back."""
    refused = 0
    for content in contents:
        Path(path).write_bytes(content)
        try:
            back = gr.io.read(path)
            # Parquet has no checksum of its metadata: the record may be gone, never what the columns hold
            assert content_of(back) == content_of(net) if path.endswith(".parquet") else back == net
        except ValueError as error:
            assert str(error).startswith(f"`io.read({path!r})`")  # noqa: PT017
            refused += 1
    return refused


@pytest.mark.parametrize("ending", [".npz", ".h5", ".parquet"])
@pytest.mark.parametrize("name", ["one_area", "measured_without_levels"])
def test_changed_bytes_are_found_or_mean_nothing(ending, name):
    if ending != ".npz":
        pytest.importorskip({".h5": "h5py", ".parquet": "pyarrow"}[ending], reason="an extra")
    net, path = NETWORKS[name], f"net{ending}"
    gr.io.write(net, path)
    whole = Path(path).read_bytes()
    places = range(0, len(whole) - 3, max(1, len(whole) // 120))
    changed = [whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :] for at in places]
    erased = [whole[:at] + b"\xff" * 3 + whole[at + 3 :] for at in places]
    assert outcomes(path, net, changed + erased) > len(places) // 4


@pytest.mark.parametrize("ending", [".mtx", ".mat"])
def test_changed_bytes_of_a_matrix_are_found_or_mean_nothing(ending):
    net, path = NETWORKS["measured_without_levels"], f"net{ending}"
    weight = np.random.default_rng(0).normal(size=net.hidden.size)
    net = net.with_weights(hidden=weight)
    gr.io.write(net, path)
    whole, refused = Path(path).read_bytes(), 0
    for at in range(len(whole)):
        Path(path).write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        try:
            back = gr.io.read(path)
            assert (back.hidden.matrix != net.hidden.matrix).nnz == 0
        except ValueError as error:
            assert str(error).startswith(f"`io.read({path!r})`")  # noqa: PT017
            refused += 1
    assert refused > len(whole) // 3


def test_a_matrix_market_file_of_ours_that_was_changed():
    net = gr.Connectome.from_matrix(np.array([[0, 2.5], [1.5, 0]]))
    gr.io.write(net, "net.mtx")
    lines = Path("net.mtx").read_bytes().splitlines(keepends=True)
    changed = [*lines[:-1], lines[-1].replace(b".5", b".25")]
    for content in (changed, [*lines[:-1], lines[-1][:-1]], lines[:-1]):  # the last two are cut
        Path("net.mtx").write_bytes(b"".join(content))
        assert error_of(lambda: gr.io.read("net.mtx")) == (
            "`io.read('net.mtx')` cannot read this file: its lines do not fit the checksum that graphrnn "
            "wrote in line 2; where you changed them yourself, delete line 2. Take another copy."
        )
    Path("net.mtx").write_bytes(b"".join([changed[0], *changed[2:]]))
    assert gr.io.read("net.mtx").hidden.weight.tolist() == [2.5, 1.25]
    Path("net.mtx").write_bytes(b"".join(lines).replace(b"\n", b"\r\n"))  # as programs of Windows do
    assert gr.io.read("net.mtx").hidden == net.hidden


def test_a_regular_matrix_is_no_bomb():
    """One that deflates far better than others is written as it is, so that its reader accepts it."""
    net = gr.Connectome.from_matrix(np.ones((1500, 1500), bool))
    gr.io.write(net, "net.mat")
    assert Path("net.mat").stat().st_size > net.hidden.size
    assert gr.io.read("net.mat").hidden.size == net.hidden.size
    assert scipy.io.loadmat("net.mat")["hidden"].nnz == net.hidden.size


def test_texts_in_hdf5_have_a_digest():
    h5py = pytest.importorskip("h5py", reason="SONATA is an extra")
    gr.io.write(NETWORKS["measured"], "net.h5")
    whole = Path("net.h5").read_bytes()
    name = str(NETWORKS["measured"].names[0]).encode()
    assert name in whole
    Path("net.h5").write_bytes(whole.replace(name, b"?" * len(name)))
    assert error_of(gr.io.read, "net.h5") == (
        "`io.read('net.h5')` found texts at '/nodes/neurons/0/name' of 'net.h5' that are not those that "
        "graphrnn wrote. Take another copy, or if you changed them, delete the attribute 'blake2b'."
    )
    with h5py.File("net.h5", "r+") as file:
        del file["nodes/neurons/0/name"].attrs["blake2b"]
    assert gr.io.read("net.h5").names[0] == "?" * len(name)


def test_texts_in_hdf5_that_lie_nowhere():
    h5py = pytest.importorskip("h5py", reason="SONATA is an extra")
    gr.io.write(NETWORKS["measured"], "net.h5")
    with h5py.File("net.h5") as file:
        place = file["nodes/neurons/0/name"].id.get_offset()
    content = bytearray(Path("net.h5").read_bytes())
    content[place + 8 : place + 11] = b"\xff" * 3
    Path("net.h5").write_bytes(content)
    assert error_of(gr.io.read, "net.h5") == (
        "`io.read('net.h5')` found a text at '/nodes/neurons/0/name' of 'net.h5' that lies in no collection "
        "of texts. It is damaged; take another copy."
    )


def test_numbers_in_hdf5_have_checksums():
    h5py = pytest.importorskip("h5py", reason="SONATA is an extra")
    net = NETWORKS["measured_without_levels"].with_weights(hidden=[0.5, -1.0, 2.0, 3.0, 0.25])
    gr.io.write(net, "net.h5")
    with h5py.File("net.h5") as file:
        dataset = file["edges/neurons__neurons/0/syn_weight"]
        place = dataset.id.get_chunk_info(0).byte_offset
    content = bytearray(Path("net.h5").read_bytes())
    content[place] ^= 1
    Path("net.h5").write_bytes(content)
    assert error_of(gr.io.read, "net.h5") == (
        "`io.read('net.h5')` cannot read the numbers at '/edges/neurons__neurons/0/syn_weight' of 'net.h5': "
        "they are cut off or do not fit their checksum. Take another copy."
    )


def damaged_npy():
    matrix = np.zeros((2000, 2000))
    matrix[-1, -1] = np.nan
    return npy(matrix), "needs finite numbers in the matrix; row 1999, column 1999 (from 0) has nan. "


def damaged_npz():
    """The checksum of the last of several arrays does not fit."""
    scipy.sparse.save_npz("m.npz", scipy.sparse.random(3000, 3000, 0.3, rng=0), compressed=False)
    content = bytearray(Path("m.npz").read_bytes())
    content[-2000] ^= 1
    return bytes(content), "cannot read this file: it is truncated, damaged"


def damaged_mat():
    scipy.io.savemat("m.mat", {"W": np.random.default_rng(0).random((2000, 2000))})
    return Path("m.mat").read_bytes()[:-40], "cannot read this file: it is truncated, damaged"


def damaged_packed_mat():
    scipy.io.savemat("m.mat", {"W": np.random.default_rng(0).random((2000, 2000))}, do_compression=True)
    content = bytearray(Path("m.mat").read_bytes())
    content[-2] ^= 1
    return bytes(content), "cannot read this file: it is truncated, damaged"


def damaged_h5():
    h5py = pytest.importorskip("h5py", reason="SONATA is an extra")
    with h5py.File("m.h5", "w") as file:
        ids = np.zeros(6_000_000, "u4")
        file["nodes/a/node_type_id"] = np.zeros(9, np.int64)
        file["edges/a__a/source_node_id"] = ids
        file["edges/a__a/source_node_id"].attrs["node_population"] = "a"
        ids[-1] = 9
        file["edges/a__a/target_node_id"] = ids
        file["edges/a__a/target_node_id"].attrs["node_population"] = "a"
    message = (
        "needs ids of 'a' from 0 to 8 at '/edges/a__a/target_node_id' of 'net.h5'; number 6000000 is 9. "
    )
    message += "Correct it there."
    return Path("m.h5").read_bytes(), message


@pytest.mark.parametrize("make", [damaged_npy, damaged_npz, damaged_mat, damaged_packed_mat, damaged_h5])
def test_what_is_damaged_at_the_end_takes_no_memory(make):
    content, message = make()
    assert len(content) > 20 << 20
    ending = make.__name__.rpartition("_")[2]
    assert limited(f"net.{ending}", content, 12).startswith(message)


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_a_table_of_text_that_was_cut_between_rows_is_refused(ending):
    path, nodes = f"net{ending}", f"net.nodes{ending}"
    net = NETWORKS["measured_without_levels"]
    gr.io.write(net, path)
    lines = Path(path).read_text().splitlines(keepends=True)
    assert len(lines) - 1 == net.input.size + net.hidden.size + net.readout.size
    for kept in range(1, len(lines)):
        Path(path).write_text("".join(lines[:kept]))
        assert error_of(lambda: gr.io.read(path)) == (
            f"`io.read({path!r})` found {kept - 1} edges in {path!r}, where {nodes!r} counts "
            f"{len(lines) - 1} in its column 'edges_in'. The file was cut: take another copy; or you took "
            "edges out: read without the column by columns={'edges_in': None}."
        )
    assert gr.io.read(path, columns={"edges_in": None}).hidden.size == net.hidden.size - 1
    Path("part.csv").write_text("pre,post\n")  # the nodes of one table serve another
    assert gr.io.read("part.csv", nodes=nodes).hidden.size == 0


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_a_table_of_text_that_was_cut_in_its_last_cell_is_warned_of(ending):
    gr.io.write(gr.Connectome.from_matrix(np.array([[0, 0], [1234.5, 0]])), f"net{ending}")
    whole = Path(f"net{ending}").read_bytes()
    assert whole.endswith(b"1234.5\n")
    Path(f"net{ending}").write_bytes(whole[:-3])
    with pytest.warns(UserWarning, match="net") as caught:
        assert gr.io.read(f"net{ending}").hidden.weight[-1] == 1234
    assert [str(one.message) for one in caught] == [
        f"`io.read('net{ending}')` found no line end after the last row of 'net{ending}'. A file of graphrnn "
        "has one, so one that lacks it was cut: take another copy. In any other, see that its last row is "
        "whole, and end it."
    ]
    assert caught[0].filename == __file__


def test_a_matrix_with_names_that_was_cut_in_its_last_cell_is_warned_of():
    Path("m.csv").write_text(",a,b\na,0,1.5\nb,2.5,0.25")
    with pytest.warns(UserWarning, match="found no line end after the last row of 'm.csv'") as caught:
        assert gr.io.read("m.csv").hidden.size == 3
    assert caught[0].filename == __file__


def test_a_text_in_hdf5_that_is_longer_than_its_file():
    h5py = pytest.importorskip("h5py", reason="SONATA is an extra")
    gr.io.write(NETWORKS["measured"], "net.h5")
    with h5py.File("net.h5") as file:
        place = file["nodes/neurons/0/name"].id.get_offset()
    content = bytearray(Path("net.h5").read_bytes())
    content[place : place + 4] = b"\xff\xff\xff\x7f"
    assert limited("net.h5", bytes(content), 30) == (
        "found a text of 2147483647 bytes at '/nodes/neurons/0/name' of 'net.h5', which is smaller. It is "
        "damaged; take another copy."
    )


def test_a_mat_file_of_very_many_elements():
    content = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\x01\0\0\0\0\0\0\0" * 10**6
    assert limited("many.mat", content, 30).startswith("cannot read this file: it is truncated, damaged")


@pytest.mark.parametrize("text", [b"\n" * (40 << 20), b'"a","b"\n' * (1 << 20), b"a,b\n\n" * (1 << 21)])
def test_a_large_table_is_refused_at_its_end(text):
    assert limited("net.csv", b"pre,post\n" + text + b"a\n", 50).startswith(
        "needs 2 cells in every row of 'net.csv'; row "
    )
