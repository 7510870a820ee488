"""Broken and hostile files are refused in one sentence with file, place and way out; soon, and small."""

# ruff: noqa: E501  messages and files stand here in full

import dataclasses
import gzip
import json
import os
import re
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from cases import NETWORKS
from test_io import Trap, error_of

import graphrnn as gr
from graphrnn.io import _xml

NET = NETWORKS["measured_without_levels"]
WEIGHTED = NET.with_weights(hidden=[0.5, -1.0, 2.0, 3.0, 0.25])
ENDINGS = [".npz", ".csv", ".tsv", ".parquet", ".graphml", ".gexf", ".h5", ".npy", ".mtx", ".mat"]


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refused(name, content, **choices):
    """The message about a file, without the call that it begins with."""
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    message = error_of(lambda: gr.io.read(name, **choices))
    begin = re.match(r"`io\.read\(.*?\)(, node '\w+')?` ", message, re.DOTALL)
    assert begin is not None, message
    return message[begin.end() :]


NODES = "neuron,area\na,V1\nb,V1\n"
TABLES = [
    # edges, table of nodes, the error
    ("", None, "found an empty file 'e.csv'. Its first row names the columns."),
    (
        "a,b\nx,y\n",
        None,
        "needs a column for pre and post in its table of edges; it has 'a', 'b'. Say which with "
        "columns={'pre': ..., 'post': ...}, or put a row of names at the top where there is none; in a "
        "matrix with names before its rows and above its columns, empty the first cell.",
    ),
    (
        "from/to,x,y\nx,0,1\ny,0,0\n",
        None,
        "needs a column for pre and post in its table of edges; it has 'from/to', 'x', 'y'. Say which with "
        "columns={'pre': ..., 'post': ...}, or put a row of names at the top where there is none; in a "
        "matrix with names before its rows and above its columns, empty the first cell.",
    ),
    (
        "0,12.5\n3e-2,0\n",
        None,
        "needs a column for pre and post in its table of edges; it has '0', '12.5'. Say which with "
        "columns={'pre': ..., 'post': ...}, or put a row of names at the top where there is none; a matrix "
        "without names has to be a .npy file. Make one by numpy.save('e.npy', numpy.loadtxt('e.csv', delimiter=',')).",
    ),
    (
        "0 12\n3 0\n",
        None,
        "needs a column for pre and post in its table of edges; it has '0 12'. Say which with "
        "columns={'pre': ..., 'post': ...}, or put a row of names at the top where there is none; a matrix "
        "without names has to be a .npy file. Make one by numpy.save('e.npy', numpy.loadtxt('e.csv')).",
    ),
    (
        "from,b\nx,y\n",
        None,
        "needs a column for post in its table of edges; it has 'from', 'b'. Say which with "
        "columns={'post': ...}, or put a row of names at the top where there is none.",
    ),
    (
        '"pre","post"\n"1","a","b"\n"2","b","c"\n',
        None,
        "found 2 names of columns and 3 cells in every row of 'e.csv', as R writes names of rows. Write it "
        "with row.names=FALSE, or put a name before the others.",
    ),
    (
        "Source,Target,Type\na,b,Directed\nb,c,Undirected\n",
        None,
        "found edges of the type 'Undirected' in 'e.csv', which have no direction. List each in both "
        "directions and leave the column out with columns={'type': None}.",
    ),
    (
        ",a,b,c\na,0,1,2\nb,3,0,4\n",
        None,
        "needs the same names before the rows and above the columns; 'c' stands only above a column. Add the "
        "row or column that is missing, with 0 where there is no synapse, or take another copy where the "
        "file was cut.",
    ),
    (
        ",a,b\na,0,1\nb,3,0\nc,1,1\nd,1,1\n",
        None,
        "needs the same names before the rows and above the columns; 'c' stands only before a row. Add the "
        "row or column that is missing, with 0 where there is no synapse, or take another copy where the "
        "file was cut.",
    ),
    (
        "pre,post\n1,2\n2,3\n",
        "name,cell\nx,1\ny,2\n",
        "found no end of any edge in the table of nodes: the edges name '1', the nodes 'x'. Give the table "
        "of these neurons, or say which of its columns has their names with columns={'neuron': ...}.",
    ),
    (
        "pre,post\na,b\na\n",
        None,
        "needs 2 cells in every row of 'e.csv'; row 2 has 1. The file is truncated or a cell needs quotes.",
    ),
    (
        'pre,post\na,"b\nc,d\n',
        None,
        "cannot read line 3 of 'e.csv': unexpected end of data. Correct it there.",
    ),
    (
        "pre,pre\na,b\n",
        None,
        "needs columns of different names; two are 'pre'. Rename one, or put a row of names at the top where "
        "there is none.",
    ),
    (
        "pre,post\na,\n",
        None,
        "needs a name in every row of the column 'post' of 'e.csv'; edge 1 has none. Fill the cell, or take "
        "the row out.",
    ),
    (
        "pre,post\n5.0,7\n7,5\n",
        None,
        "found '5' and '5.0' in 'e.csv', which look like one neuron. Write it in one way, or list both in a "
        "table of nodes.",
    ),
    (
        "pre,post\nb ,a\na,b\n",
        None,
        "found 'b' and 'b ' in 'e.csv', which look like one neuron. Write it in one way, or list both in a "
        "table of nodes.",
    ),
    (
        "pre,post\n7.20575940610453e+17,1\n",
        None,
        "found the id '7.20575940610453e+17' in 'e.csv', which a program has rounded, so that neurons cannot "
        "be told apart. Save the ids as text or as whole numbers.",
    ),
    (
        "pre,post,weight\na,b,1\nb,a,two\n",
        None,
        "needs numbers in the column 'weight' of 'e.csv'; edge 2 has 'two'. Write it with a decimal point, or "
        "leave the cell empty where none is known, or read without the column by columns={'weight': None}.",
    ),
    (
        "pre,post,weight\na,b,1\nb,a,NaN\n",
        None,
        "needs numbers in the column 'weight' of 'e.csv'; edge 2 has 'NaN'. Write it with a decimal point, or "
        "leave the cell empty where none is known, or read without the column by columns={'weight': None}.",
    ),
    (
        "pre,post,weight\na,b,1e999\n",
        None,
        "needs finite numbers in the column 'weight'; edge 1 has inf. Leave the cell empty where none is "
        "known.",
    ),
    (
        "pre,post,delay\na,b,1\nb,a,-1\n",
        None,
        "needs a delay of 0 ms or more for every edge, or for none; edge 2 has -1. Correct the cell, or leave "
        "the column out with columns={'delay': None}.",
    ),
    (
        "pre,post,delay\nb,a,1\na,b,\n",
        None,
        "needs a delay of 0 ms or more for every edge, or for none; edge 2 has none. Correct the cell, or "
        "leave the column out with columns={'delay': None}.",
    ),
    (
        ",a,b\na,0,1\nb,x,0\n",
        None,
        "needs numbers in row 2 ('b') of 'e.csv'; cell 1 has 'x'. Write it with a decimal point, or put 0 "
        "where there is no synapse.",
    ),
    (
        "pre,post,kind\na,b,sideways\n",
        None,
        "needs one of forward, backward, lateral, within, unclassified in the column 'kind' of the edges; "
        "it found "
        "'sideways'. Read no kinds with columns={'kind': None}.",
    ),
    (
        "pre,post\na,c\n",
        NODES,
        "needs both ends of every edge in the table of nodes; 'c' of edge 1 is not there (1 such edges in "
        "all). "
        "Add the neuron, or leave these edges out with unknown='drop'.",
    ),
    (
        "pre,post\na,b\n",
        "neuron,area\na,V1\nb,V1\na,V2\n",
        "needs each node once; 'a' is listed more often (1 repeated in all). Take the repeated rows out of "
        "the table of nodes.",
    ),
    (
        "pre,post\na,b\n",
        "neuron,area\na,V1\nb,\n",
        "needs an area for every node; 'b', node 2, has none. Fill the cell, or put all neurons into one "
        "area with "
        "columns={'area': None}.",
    ),
    (
        "pre,post\na,b\n",
        "neuron,sign\na,1\nb,2\n",
        "needs 1 (excitatory), -1 (inhibitory) or 0 (not known) in the column 'sign' of the nodes; 'b' has 2. "
        "Correct the cell.",
    ),
    (
        "pre,post\na,b\n",
        "neuron,area,level\na,V1,0\nb,V1,1\n",
        "needs one level for the whole area 'V1'; its neurons have 0, 1. Split the area or give one level.",
    ),
    (
        "pre,post\na,b\n",
        "neuron,role\na,area\nb,muscle\n",
        "needs input, area or readout as the role of each node; 'b' has 'muscle'. Correct the cell, or "
        "read no "
        "roles with columns={'role': None}.",
    ),
    (
        "pre,post\nb,a\n",
        "neuron,role,area\na,input,i\nb,area,V1\n",
        "allows edges from inputs to neurons, among neurons and from neurons to readouts; 'b' → 'a' runs "
        "from area "
        "to input. Remove it.",
    ),
    (
        "pre,post\na,b\n",
        "cell,size\na,1\nb,1\nc,1\n\n,1\n",
        "needs a name in every row of the column 'cell' of 'e.nodes.csv'; node 4 has none. Fill the cell, or "
        "take the row out.",
    ),
    (
        "pre,post,density\na,b,0.1\n",
        None,
        "needs a table of nodes with the size of every area, and there is none. Lay it beside the edges, as "
        "net.nodes.csv lies beside net.csv, or give its file as `nodes`.",
    ),
    (
        "pre,post,rule\na,b,[1\n",
        "name,size\na,1\nb,1\n",
        "cannot read the rule '[1' as JSON. Write it as docs/formats.md shows.",
    ),
    (
        "pre,post,rule\na,b,0.5\n",
        "name,size\na,1\nb,-1\n",
        "needs `size` of at least 1; it got -1.",
    ),
]


@pytest.mark.parametrize(("edges", "nodes", "message"), TABLES)
def test_a_table_that_cannot_be(edges, nodes, message):
    if nodes is not None:
        Path("e.nodes.csv").write_text(nodes)
    assert refused("e.csv", edges) == message


def test_duplicates_are_refused_where_forbidden():
    assert refused("e.csv", "pre,post\na,b\nb,a\na,b\n", duplicates="error") == (
        "needs each pair once where duplicates='error'; 1 edges repeat another. Merge them yourself or use "
        "duplicates='sum'."
    )


def test_text_that_cannot_be_unpacked():
    message = "cannot unpack 'e.csv.gz': it is truncated, damaged or no file of gzip. Take another copy."
    packed = gzip.compress(b"pre,post\na,b\nb,c\n" * 9)
    for content in (b"pre,post\na,b\n", packed[:-9], packed[:30] + b"\xff" * 9 + packed[39:], packed[:5]):
        assert refused("e.csv.gz", content) == message


@pytest.mark.parametrize("text", [b"pre,post\n" + b"a,b\n" * (25 << 20), b"a" * (100 << 20)])
def test_a_gzip_bomb(text):
    assert limited("bomb.csv.gz", gzip.compress(text, 6), 300) == (
        "found text of more than 200 times its packed size in 'bomb.csv.gz'. It is made to fill the memory; "
        "take another copy."
    )


def test_toml_is_for_files_of_moderate_size():
    content = b"[[area]]\nname = 'a'\nsize = 1\n" * (1 << 20)
    assert limited("large.toml", content, 50) == (
        f"found {len(content)} bytes; TOML is for files of up to 4194304. Keep so large a graph in a .parquet "
        "file."
    )
    graph = gr.AreaGraph()
    graph.add_area("V1", 10**6, positions=np.random.default_rng(0).random((10**6, 1)))
    assert re.fullmatch(
        r"`io.write\(..., 'large.toml'\)` needs \d+ bytes; TOML is for files of up to 4194304. Write a "
        r"\.parquet file\.",
        error_of(lambda: gr.io.write(graph, "large.toml")),
    )
    assert Path("large.toml").read_bytes() == content


def test_text_that_is_none():
    assert refused("e.csv", b"pre,post\na,b\n\xff\xfe,c\n") == (
        "cannot read 'e.csv': line 3 is not UTF-8 text. Save it as CSV in UTF-8, or take another copy where it is damaged."
    )
    assert refused("e.csv", b"pre,post\na,b\n\0\0,c\n") == (
        "found a zero byte in line 3 of 'e.csv', which no text has. The file is damaged or no UTF-8; take another copy, "
        "or save it as CSV in UTF-8."
    )


def test_a_row_that_never_ends():
    assert refused("e.csv", b"pre,post\n" + b"a" * (1 << 25)) == (
        "found a row of more than 16777216 characters in 'e.csv'. That is no table of edges; give another "
        "file."
    )


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("keep", [0, 3, 0.5, 0.9])
def test_a_truncated_file_is_refused(ending, keep):
    gr.io.write(WEIGHTED, f"net{ending}")
    whole = Path(f"net{ending}").read_bytes()
    cut = whole[: int(keep if keep > 1 else keep * len(whole))]
    if ending in (".csv", ".tsv") and 0 < keep < 1:  # a shorter table is a table
        cut = cut[: cut.rindex(b"," if ending == ".csv" else b"\t")]
    assert refused(f"net{ending}", cut).endswith(".")


def other_kinds():
    return [
        (mine, theirs)
        for mine in ENDINGS
        for theirs in (".npz", ".h5", ".parquet", ".graphml")
        if mine != theirs
    ]


@pytest.mark.parametrize(("ending", "content"), other_kinds())
def test_a_file_of_another_kind_is_refused(ending, content):
    gr.io.write(WEIGHTED, f"other{content}")
    assert refused(f"net{ending}", Path(f"other{content}").read_bytes()).endswith(".")


# Numbers in matrices.


def npy(array):
    np.save("made.npy", array)
    return Path("made.npy").read_bytes()


DAMAGED_NPY = (
    "cannot read this file: it is truncated, damaged or no .npy file of plain numbers. Take another copy. Or "
    "save it anew with numpy.save(path, matrix)."
)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            np.ones((2, 3)),
            "needs a square matrix (post, pre); that of the file has shape (2, 3). Make one of all "
            "neurons, with 0 where there is no synapse, or list its edges in a table.",
        ),
        (
            np.ones(4),
            "needs a square matrix (post, pre); that of the file has shape (4,). Make one of all "
            "neurons, with 0 where there is no synapse, or list its edges in a table.",
        ),
        (
            np.array([[0, np.nan], [0, 0]]),
            "needs finite numbers in the matrix; row 0, column 1 (from 0) has nan. Put 0 where there is no synapse.",
        ),
        (np.array([[1j, 0], [0, 0]]), DAMAGED_NPY),
        (
            np.array([["a", "b"], ["c", "d"]]),
            "needs a matrix of real numbers; that of the file holds <U1. Save its real part.",
        ),
        (np.zeros((0, 0)), "found an empty matrix. A network has at least one neuron."),
    ],
)
def test_a_matrix_that_is_none(array, message):
    assert refused("m.npy", npy(array)) == message


def test_a_pickle_in_an_array_is_never_opened():
    assert refused("m.npy", npy(np.array([[Trap()]], object))) == DAMAGED_NPY
    assert not Path("trapped").exists()


def test_a_billion_numbers_in_the_header_of_a_small_array():
    content = npy(np.ones((3, 3))).replace(b"(3, 3), }      ", b"(99999, 99999)}")
    assert b"99999" in content
    assert refused("m.npy", content) == DAMAGED_NPY


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%%MatrixMarket matrix coordinate real general\n9 9 1000000000\n1 1 1\n",
         "cannot read this file: its header promises 1000000000 entries, and 6 bytes follow. Take another copy."),
        ("%%MatrixMarket matrix array real general\n60000 60000\n1\n",
         "cannot read this file: its header promises 3600000000 entries, and 2 bytes follow. Take another copy."),
        ("%%MatrixMarket matrix coordinate real general\n2 2 -1\n", "cannot read this file: its line of sizes is none. "
         "Take another copy."),
        ("%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 5E\0\0 1\n", "cannot read this file: it holds a zero "
         "byte, so it is no text. Take another copy."),
        ("hello\n", "cannot read this file: it is no MatrixMarket file. Take another copy."),
        ("%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 nan\n",
         "needs finite numbers in the matrix; row 0, column 0 (from 0) has nan. Put 0 where there is no synapse."),
        ("%%MatrixMarket matrix coordinate complex general\n2 2 1\n1 1 1 1\n",
         "needs a matrix of real numbers; that of the file holds complex128. Save its real part."),
    ],
)  # fmt: skip
def test_a_matrix_market_file_that_cannot_be(text, message):
    assert refused("m.mtx", text) == message


@pytest.mark.parametrize("end", ["", " ", "\n", " and more", "\r", "\x0e"])
def test_a_last_line_of_matrix_market_may_have_no_end(end):
    text = f"%%MatrixMarket matrix coordinate integer general\n2 2 2\n1 1 3\n2 1 5{end}"
    Path("m.mtx").write_bytes(text.encode())
    cut = "`io.read('m.mtx')` found no line end after the last entry of 'm.mtx'. A file of graphrnn has one,"
    with nullcontext() if end in ("\n", "\r") else pytest.warns(UserWarning, match=re.escape(cut)):
        assert gr.io.read("m.mtx").hidden.weight.tolist() == [3.0, 5.0]


@pytest.mark.parametrize("place", ["3 1 1", "0 1 1", "-1 1 1", "1 1", "1 1 x"])
def test_an_entry_of_matrix_market_that_cannot_be(place):
    text = f"%%MatrixMarket matrix coordinate real general\n2 2 1\n{place}\n"
    message = refused("m.mtx", text)
    assert message.startswith("cannot read this file: ")
    assert message.endswith(". Correct it there.")


DAMAGED_MAT = (
    "cannot read this file: it is truncated, damaged or no .mat file of version 5 to 7. Take another copy. Or "
    "save it anew in MATLAB with save(name, 'W', '-v7')."
)


@pytest.mark.parametrize(
    ("begin", "end", "message"),
    [
        ("", "0 7 1.5\n", "Line 3000003: Row index out of bounds. Correct it there."),
        ("", "7 7 two\n", "Line 3000003: Invalid floating-point value. Correct it there."),
        ("", "", "its header promises 3000001 entries, and 3000000 lines follow. Take another copy."),
        ("\n", "7 7 1.5", None),
    ],
)
def test_a_large_matrix_market_file_is_looked_at_before_it_takes_memory(begin, end, message):
    header = "%%MatrixMarket matrix coordinate real general\n9 9 3000001\n"
    content = (header + "1 2 0.25\n" * 3_000_000 + begin + end).encode()
    if message is None:
        assert refused("m.mtx", content, duplicates="error").startswith("needs each pair once")
    else:
        assert limited("m.mtx", content, 45) == f"cannot read this file: {message}"


def test_matlab_files_that_cannot_be():
    scipy.io.savemat("m.mat", {"a": np.eye(3), "b": np.eye(2)})
    whole = Path("m.mat").read_bytes()
    assert refused("m.mat", whole) == (
        "needs to know which variable is the matrix: 2 of 'a', 'b' are square. Say which with matrix='...'."
    )
    assert refused("m.mat", whole, matrix="c") == "found no variable 'c' in this file; there is 'a', 'b'."
    assert refused("m.mat", whole[:300]) == DAMAGED_MAT
    assert refused("m.mat", b"MATLAB 7.3" + whole[10:]) == (
        "found a .mat file of version 7.3. Save it in MATLAB with the option '-v7'; without MATLAB, h5py "
        "opens it and shows the matrix transposed."
    )


# What asks for far more memory than it has bytes, and what leads out of the file.


NEEDED = {
    ".h5": ["h5py"],
    ".parquet": ["pyarrow.parquet", "pandas"],
    ".npz": ["scipy.sparse"],
    ".mat": ["scipy.sparse"],
}


PEAK = """
from pathlib import Path
import resource

def peak():  # in kB; on Linux since the last call, so that what imports took does not hide what comes
    if not Path("/proc/self/clear_refs").exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = Path("/proc/self/status").read_text().splitlines()
    Path("/proc/self/clear_refs").write_text("5")
    which = "VmRSS" if "before" not in globals() else "VmHWM"
    return int(next(line for line in lines if which in line).split()[1])
"""


def limited(name, content, megabytes=600):
    """The message, when reading has little memory and time: in a process of its own."""
    Path(name).write_bytes(content)
    program = (
        "import sys, time, resource, graphrnn as gr\n"
        f"for module in {['graphrnn.io', 'tqdm', *NEEDED.get(Path(name).suffix, [])]}: __import__(module)\n"
        f"{PEAK}"
        "before = peak()\n"
        "start = time.perf_counter()\n"
        f"try:\n    gr.io.read({name!r})\n    print('was read')\n"
        "except (ValueError, TypeError) as error:\n    print(str(error).partition('` ')[2])\n"
        "grown = peak() - before\n"
        "print(grown // 1024, time.perf_counter() - start, file=sys.stderr)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    grown, seconds = map(float, run.stderr.split()[-2:])
    assert grown < megabytes
    assert seconds < 2 * float(os.environ.get("GRAPHRNN_TEST_PATIENCE", "4"))  # 2 s on an idle machine
    return run.stdout.strip()


def test_a_zip_bomb():
    with zipfile.ZipFile("bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.npy", npy(np.zeros(9)) + bytes(270 << 20))
    content = Path("bomb.zip").read_bytes()
    assert limited("bomb.npz", content, 300) == (
        f"found 1 arrays in 'bomb.npz', 0.3 GiB in a file of {len(content)} bytes. It is damaged or made "
        "to fill the "
        "memory; take another copy."
    )


def test_an_archive_of_a_million_members():
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 65534, 65534, 65534 * 46, 0, 0)
    assert limited("many.npz", bytes(65534 * 46) + end, 100).startswith(
        "cannot read this file: it is truncated, damaged"
    )


def test_a_deflated_matrix_of_nothing():
    packed = zlib.compress(struct.pack("<II", 14, 270 << 20) + bytes(270 << 20), 9)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    content = header + struct.pack("<II", 15, len(packed)) + packed
    assert limited("bomb.mat", content).endswith(
        "It is damaged or made to fill the memory; take another copy."
    )


LAUGHS = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize("ending", [".graphml", ".gexf"])
@pytest.mark.parametrize("attack", [LAUGHS + "]><l>&j;</l>", '<!DOCTYPE l SYSTEM "file:///etc/passwd"><l/>'])
def test_document_types(ending, attack):
    assert limited(f"bomb{ending}", attack.encode(), 50) == (
        "cannot read this file: it has a document type, which can fill the memory. Remove the <!DOCTYPE> "
        "line."
    )


@pytest.mark.parametrize("ending", [".graphml", ".gexf"])
def test_elements_within_elements(ending):
    end = f"</{ending[1:]}>".encode()
    assert limited(f"deep{ending}", b"<a>" * 10**6 + end, 50) == (
        "cannot read this file: its elements nest deeper than 50. A graph needs eight; take another copy."
    )


@pytest.mark.parametrize("ending", [".graphml", ".gexf"])
def test_a_tag_that_never_ends(ending):
    content = (
        b"<"
        + ending[1:].encode()
        + b"><node id='"
        + b"a" * (40 << 20)
        + b"'/></"
        + ending[1:].encode()
        + b">"
    )
    assert limited(f"long{ending}", content, 60) == (
        "cannot read this file: it has a tag of more than 4194304 bytes. No graph needs that; take another copy."
    )


@pytest.mark.parametrize("text", [b"a" * (40 << 20), b"\n" * (40 << 20), b"<![CDATA[a]]>" * 600_000])
def test_a_text_that_never_ends(text):
    content = (
        b"<graphml><graph edgedefault='directed'><node id='a'><data key='k'>"
        + text
        + b"</data></node></graph></graphml>"
    )
    assert limited("long.graphml", content, 120) == (
        "cannot read this file: it has a text of more than 33554432 letters. No graph needs that; take another copy."
    )


def test_a_text_in_many_pieces_takes_no_longer_than_its_length(tmp_path):
    whole = (
        "<graphml><graph edgedefault='directed'><node id='a'><data key='k'>{}</data></node></graph></graphml>"
    )
    (tmp_path / "pieces.graphml").write_text(whole.format("<![CDATA[a]]>" * 200_000))
    began = time.process_time()
    assert gr.io.read(tmp_path / "pieces.graphml").n_neurons == 1
    assert time.process_time() - began < 5  # where each piece was counted anew, minutes


def test_names_without_end():
    names = b"".join(b"<a%d/>" % k for k in range(400_000))
    content = b"<graphml>" + names + b"</graphml>"
    assert limited("names.graphml", content, 40) == (
        "cannot read this file: it has more than 1000 names of elements and attributes. A graph has some tens; "
        "take another copy."
    )


@pytest.mark.parametrize("ending", [".graphml", ".gexf"])
def test_what_the_reader_would_refuse_is_not_written(tmp_path, ending, monkeypatch):
    net = gr.MultiArea(dims=[1, 8, 1]).compile(seed=0)
    monkeypatch.setattr(_xml, "_TEXT", 1000)
    with pytest.raises(
        ValueError, match="letters of areas, projections and provenance into XML, more than 500"
    ):
        gr.io.write(net, tmp_path / f"net{ending}")
    assert not (tmp_path / f"net{ending}").exists()


GRAPHML = '<graphml><key id="w" for="edge" attr.name="weight" attr.type="double"/><graph edgedefault="directed">{}</graph></graphml>'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            '<node id="a"/><node id="a"/>',
            "needs each node once; the id 'a' is listed more often. Take the others out.",
        ),
        ("<node/>", "cannot read this file: a node has no id. Correct it there."),
        (
            '<node id="a"/><edge source="a"/>',
            "cannot read this file: a edge has no target. Correct it there.",
        ),
        (
            '<node id="a"/><edge source="a" target="b"/>',
            "needs both ends of every edge in the table of nodes; 'b' of edge 1 is not there (1 such edges "
            "in all). Add "
            "the neuron, or leave these edges out with unknown='drop'.",
        ),
        (
            '<node id="a"/><edge source="a" target="a"><data key="w">heavy</data></edge>',
            "needs numbers in the column 'weight'; edge 1 has 'heavy'. Write it with a decimal point, or leave "
            "the cell empty where none is known, or read without the column by columns={'weight': None}.",
        ),
        (
            '<node id="a"/><edge directed="false" source="a" target="a"/>',
            "cannot read this file: its edges have no direction. Make two of each, as networkx does with "
            "graph.to_directed(), and save it anew.",
        ),
        (
            "<hyperedge/>",
            "cannot read this file: it has a hyperedge, which joins more than two nodes. Replace it by edges.",
        ),
        (
            '<node id="a"><graph edgedefault="directed"/></node>',
            "cannot read this file: it has several graphs, or a graph within a node. Save one graph per file.",
        ),
        ("", "found no neuron in this file. A network has at least one."),
    ],
)
def test_graphml_that_cannot_be(body, message):
    assert refused("g.graphml", GRAPHML.format(body)) == message


def test_graphs_without_direction():
    undirected = '<gexf><graph defaultedgetype="undirected"><nodes><node id="a"/></nodes><edges><edge source="a" target="a"/></edges></graph></gexf>'
    assert refused("g.gexf", undirected).startswith("cannot read this file: its edges have no direction.")
    assert refused("g.gexf", "<gexf/>") == "found no graph in this file. Take another copy."


# HDF5 and Parquet.

h5py = pytest.importorskip("h5py", reason="SONATA is an extra")


def sonata(change):
    gr.io.write(WEIGHTED, "net.h5")
    with h5py.File("net.h5", "r+") as file:
        change(file)
    return Path("net.h5").read_bytes()


def far_away(file):
    file["edges/neurons__neurons/source_node_id"][0] = 4000000000


def link(file):
    del file["edges/neurons__neurons/0/syn_weight"]
    file["edges/neurons__neurons/0/syn_weight"] = h5py.ExternalLink("/etc/passwd", "/")


def text(file):
    del file["edges/neurons__neurons/0/syn_weight"]
    file["edges/neurons__neurons/0/syn_weight"] = ["a"] * 5


def other_order(file):
    file["edges/neurons__neurons/edge_group_index"][:] = [0, 1, 2, 4, 3]


def other_ids(file):
    file["nodes/neurons/node_id"] = [1, 2, 3, 4, 5]


def fewer(file):
    del file["edges/neurons__neurons/0/syn_weight"]
    file["edges/neurons__neurons/0/syn_weight"] = [1.0]


def elsewhere(file):
    del file["edges/neurons__neurons/source_node_id"]
    group = file["edges/neurons__neurons"]
    group.create_dataset("source_node_id", (5,), "u4", external=[("/etc/passwd", 0, 20)])


def billion(file):
    del file["edges/neurons__neurons/source_node_id"]
    group = file["edges/neurons__neurons"]
    group.create_dataset("source_node_id", (10**9,), "u4", chunks=(1 << 16,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (far_away, "needs ids of 'neurons' from 0 to 4 at '/edges/neurons__neurons/source_node_id' of 'net.h5'; number 1 "
         "is 4000000000. Correct it there."),
        (link, "found a link at '/edges/neurons__neurons/0/syn_weight' of 'net.h5', which may lead to another file. Copy "
         "what it points to into the file."),
        (text, "needs numbers at '/edges/neurons__neurons/0/syn_weight' of 'net.h5'; it holds object. Write them as numbers there."),
        (other_order, "needs the numbers 0, 1, 2, … in this order at '/edges/neurons__neurons/edge_group_index' of 'net.h5'; "
         "number 4 is 4. Sort the population by it, and number its rows anew."),
        (other_ids, "needs the numbers 0, 1, 2, … in this order at '/nodes/neurons/node_id' of 'net.h5'; number 1 is 1. Sort "
         "the population by it, and number its rows anew."),
        (fewer, "needs 5 values of 'syn_weight' in '/edges/neurons__neurons/0'; there are 1."),
        (elsewhere, "found data of another file at '/edges/neurons__neurons/source_node_id' of 'net.h5'. Copy them into "
         "the file."),
    ],
)  # fmt: skip
def test_sonata_that_cannot_be(change, message):
    assert refused("net.h5", sonata(change)) == message


def test_a_billion_edges_in_a_small_hdf5_file():
    assert limited("net.h5", sonata(billion), 50).startswith(
        "found 1000000000 values at /edges/neurons__neurons/source_node_id in 'net.h5', 3.7 GiB in a file of "
    )


def test_parquet_that_cannot_be():
    pa = pytest.importorskip("pyarrow", reason="Parquet is an extra")
    parquet = pytest.importorskip("pyarrow.parquet")

    def message(**columns):
        parquet.write_table(pa.table(columns), "made.parquet")
        return refused("net.parquet", Path("made.parquet").read_bytes())

    assert message(pre=["a"], post=[None]) == (
        "needs a name in every row of the column 'post' of 'net.parquet'; edge 1 has none. Fill the cell, or "
        "take the row out."
    )
    assert message(pre=["a"], post=[""]) == (
        "needs a name in every row of the column 'post' of 'net.parquet'; one is empty. Fill the cell, or take "
        "the row out."
    )
    assert message(pre=[1.5], post=[2.0]) == (
        "needs names or whole numbers in the column 'pre'; it holds '1.5', a float. Write the column as text."
    )
    assert message(pre=["a"], post=["b"], weight=["heavy"]) == (
        "needs numbers in the column 'weight'; it holds string. Choose another, or leave it out, with "
        "`columns`."
    )
    assert message(pre=["a"], post=["b"], weight=[float("nan")]) == (
        "needs numbers in the column 'weight'; some edges have NaN. Leave the cell empty, which is null, "
        "where none is "
        "known."
    )
    assert refused("net.parquet", b"PAR1" + bytes(100) + b"PAR1") == (
        "cannot read 'net.parquet': it is truncated, damaged or no Parquet file. Take another copy."
    )


def test_parquet_of_bad_content_at_its_end_takes_no_memory():
    pa = pytest.importorskip("pyarrow", reason="Parquet is an extra")
    parquet = pytest.importorskip("pyarrow.parquet")
    count = 2_000_000
    codes, words, weight = (
        np.arange(count, dtype=np.int32) % 999,
        [f"n{i}" for i in range(999)],
        np.zeros(count),
    )
    names = pa.DictionaryArray.from_arrays(pa.array(codes), words)

    def message(post, weight):
        table = pa.table({"pre": names, "post": post, "weight": weight})
        parquet.write_table(table, "made.parquet", row_group_size=300_000)
        return limited("net.parquet", Path("made.parquet").read_bytes(), 30)

    missing = pa.DictionaryArray.from_arrays(pa.array(codes, mask=np.arange(count) == count - 1), words)
    assert message(missing, weight) == (
        "needs a name in every row of the column 'post' of 'net.parquet'; edge 2000000 has none. Fill the cell, or take "
        "the row out."
    )
    weight[-1] = np.nan
    assert message(names, weight) == (
        "needs numbers in the column 'weight'; some edges have NaN. Leave the cell empty, which is null, where none is "
        "known."
    )


def test_a_billion_edges_in_a_small_parquet_file():
    pa = pytest.importorskip("pyarrow", reason="Parquet is an extra")
    parquet = pytest.importorskip("pyarrow.parquet")
    codes = pa.DictionaryArray.from_arrays(pa.array(np.zeros(10**7, np.int32)), pa.array(["a"]))
    with parquet.ParquetWriter("made.parquet", pa.schema({"pre": codes.type, "post": codes.type})) as file:
        for _ in range(3):
            file.write_table(pa.table({"pre": codes, "post": codes}))
    assert limited("net.parquet", Path("made.parquet").read_bytes(), 100).startswith(
        "found a table of 30000000 rows in 'net.parquet', 1.8 GiB in a file of "
    )


# Records of graphrnn that lie.


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", "x"), ("report", 3), ("report", {"a": "b"}), ("types", {}), ("types", {"hidden": [1]}), ("dtypes", None),
        ("dtypes", {w: {"weight": "object"} for w in ("input", "hidden", "readout")}), ("projections", [{}]),
        ("projections", 5), ("provenance", [3]), ("version", 2),
        ("projections", [{"pre": 1, "post": "x", "kind": "within", "rule": "", "possible": 1, "asked": None}]),
    ],
)  # fmt: skip
def test_a_record_that_contradicts_the_file(key, value):
    gr.io.write(WEIGHTED, "net.graphml")
    whole = Path("net.graphml").read_text()
    about = json.loads(re.search(r'<data key="graphrnn">(.*?)</data>', whole)[1].replace("&quot;", '"'))
    assert key in about
    changed = json.dumps(about | {key: value}).replace('"', "&quot;")
    message = refused(
        "net.graphml", re.sub(r'(<data key="graphrnn">).*?(</data>)', lambda m: m[1] + changed + m[2], whole)
    )
    expected = (
        "found version 2 of the format; " if key == "version" else "found contradictions in this file: "
    )
    assert message.startswith(expected)


# Choices that do not fit, and networks that do not fit a format.


@pytest.mark.parametrize("ending", [".graphml", ".gexf"])
def test_a_large_graph_that_was_cut_is_refused_at_its_end(ending):
    gr.io.write(WEIGHTED, f"net{ending}")
    whole = Path(f"net{ending}").read_bytes()
    space = b" " * (3 << 20)
    long = whole.replace(b"<graph ", space + b"<graph ").replace(b"</graph>", space + b"</graph>")
    Path(f"long{ending}").write_bytes(long)
    assert gr.io.read(f"long{ending}") == WEIGHTED
    assert refused(f"net{ending}", long[:-200]) == (
        f"cannot read this file as XML: its end does not close the element {ending[1:]!r}. It is truncated or "
        "damaged; take another copy."
    )


@pytest.mark.parametrize("ending", [".graphml", ".gexf"])
def test_a_large_graph_damaged_inside_takes_no_memory(ending):
    nodes = "".join(f'<node id="neuron number {i}" label="neuron number {i}"/>' for i in range(500_000))
    body = f'<graph edgedefault="directed" defaultedgetype="directed">{nodes}<node id="&"/></graph>'
    assert limited(f"net{ending}", f"<{ending[1:]}>{body}</{ending[1:]}>".encode(), 12).startswith(
        "cannot read this file as XML: not well-formed (invalid token): line 1, column "
    )


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"matrix": "W"}, "takes only `nodes`, `columns`, `duplicates`, `unknown`, `orientation` for a .csv file; it got `matrix`."),
        ({"orientation": "pre_post"}, "found a list of edges, whose columns say which end is which. Leave `orientation` "
         "out; where the columns are the other way round, say so with columns={'pre': ..., 'post': ...}."),
        ({"duplicates": "add"}, "needs `duplicates` to be one of sum, mean, max, min, count, error; it got 'add'."),
        ({"columns": {"per": "x"}}, "found no column named 'per'. Did you mean 'pre'?"),
        ({"columns": {"pre": "x"}}, "found no column named 'x'. There is 'pre', 'post'."),
        ({"columns": {"area": "x"}}, "knows 'area' only as a column of a table of nodes, and there is none. Give its "
         "file as `nodes`."),
        ({"columns": ["pre"]}, "needs a dictionary for `columns`, from our name to that of the file."),
        ({"nodes": "no.csv"}, "found no table of nodes 'no.csv'. Give the path of a file as `nodes`."),
    ],
)  # fmt: skip
def test_choices_that_do_not_fit(choices, message):
    assert refused("e.csv", "pre,post\na,b\n", **choices) == message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("n.npy", "cannot hold 1 synapses of weight 0: 0 means no synapse in a dense matrix. Write a sparse one, .mtx, or "
         "the network, .npz."),
        ("n.toml", "writes an AreaGraph; it got Connectome. Write the network to a .npz file. Or write its areas, "
         "AreaGraph.from_connectome(net)."),
    ],
)  # fmt: skip
def test_networks_that_do_not_fit(name, message):
    net = NET.with_weights(hidden=[0.0, 1, 1, 1, 1])
    assert error_of(gr.io.write, net, name) == f"`io.write(..., {name!r})` {message}"


def named(name):
    return dataclasses.replace(NETWORKS["no_synapses"], names=[name])


@pytest.mark.parametrize(
    ("ending", "name", "message"),
    [
        (".csv", "", "needs a name for every neuron; one is empty. Name it, or write a .npz file."),
        (".csv", "\ud800", "cannot write the name '\\ud800', which is no valid text. Rename it."),
        (".csv", "a" * 200000, "cannot write a text of more than 131072 characters into a cell. Write a .parquet file, or "
         "an area graph as .toml."),
        (".parquet", "\ud800", "cannot write the name '\\ud800', which is no valid text. Rename it."),
        (".graphml", "a\x00b", "cannot write the character '\\x00' of 'a\\x00b' into XML. Rename it, or write a .npz or "
         ".parquet file."),
        (".h5", "a\x00b", "cannot write the name 'a\\x00b' into HDF5. Rename it."),
    ],
)  # fmt: skip
def test_names_that_do_not_fit(ending, name, message):
    assert error_of(gr.io.write, named(name), f"n{ending}") == f"`io.write(..., 'n{ending}')` {message}"
    assert not Path(f"n{ending}").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("index-beyond-words.parquet", "cannot read 'index-beyond-words.parquet': it is truncated, damaged or no Parquet "
         "file. Take another copy."),
        ("long-text.h5", "found a text of 2147483649 bytes at '/nodes/neurons/0/@library/area' of 'long-text.h5', which is "
         "smaller. It is damaged; take another copy."),
        ("zero-bytes.mtx", "cannot read this file: it holds a zero byte, so it is no text. Take another copy."),
    ],
)  # fmt: skip
def test_what_the_fuzzer_found(name, message):
    assert refused(name, (Path(__file__).parent / "corpus" / name).read_bytes()) == message


def test_the_fuzzer_finds_nothing():
    script = Path(__file__).parent / "fuzz_readers.py"
    run = subprocess.run(
        [sys.executable, script, "--seconds", "2", "--seed", "0"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]


def test_reading_takes_no_longer_than_it_should():
    path = make_large()
    start = time.process_time()  # others may share the cores
    with pytest.raises(ValueError, match="row 1"):
        gr.io.read(path)
    assert time.process_time() - start < 2


def make_large():
    path = Path("large.csv")
    path.write_bytes(b"pre,post\n" + b"a\n" + b"a,b\n" * (25 << 20))
    return path
