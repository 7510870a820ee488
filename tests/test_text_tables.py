"""Tables of text are read as Python's csv module reads them, wherever a piece of the file ends."""

import csv
import io
import re

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import graphrnn as gr
from graphrnn.io import _pieces
from graphrnn.io._tables import are_plain_numbers
from graphrnn.io._text_table import TextTable, _separator

TEXTS = st.text(st.sampled_from(list('ab,;"\n\r 1é\t')), max_size=40)
ROWS = st.lists(
    st.lists(st.sampled_from(["a", "", "bb", '"c,d"', '"e\nf"', '"g""h"', " i", "é"]), min_size=2, max_size=2)
)
TABLES = st.builds(
    lambda rows, end: end.join(",".join(row) for row in [["x", "y"], *rows]) + end,
    ROWS,
    st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
)


def rows_of_csv(text, separator):
    """The rows by Python alone, or None where they are no table."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True
    )
    try:
        rows = [row for row in reader if row]
    except csv.Error:
        return None
    return rows if rows and {len(row) for row in rows} == {len(rows[0])} else None


def rows_of_table(path):
    try:
        with TextTable("read", path) as table:
            rows = [table.header]
            for start, chunk in table.chunks("reading"):
                assert start == len(rows) - 1
                rows += map(list, zip(*chunk.columns(), strict=True))
            return rows
    except ValueError:
        return None


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "net.csv"


@example(text='"a","b"\n"1","2"\n"3, 4"\n', block=100)
@example(text='"a","b"\n"1"," 2"\n', block=100)
@example(text="a\nb\n\n\nc\n", block=1)
@example(text="a,b\n\n1,2\n\n\n3,4\n", block=100)
@settings(max_examples=500, deadline=None)
@given(text=TEXTS | TABLES, block=st.integers(1, 30))
def test_rows_are_those_of_the_csv_module(path, text, block):
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_pieces, "_BLOCK", block)
        found = rows_of_table(path)
    assert found == rows_of_csv(text, _separator(path, text))


@pytest.mark.parametrize("block", [8, 100])
def test_a_long_row_after_others_is_no_sign_of_names_of_rows(path, block, monkeypatch):
    path.write_text("a,b\n1,2\n1,2,3\n")
    monkeypatch.setattr(_pieces, "_BLOCK", block)
    message = "`read` needs 2 cells in every row of 'net.csv'; row 2 has 3"
    with TextTable("read", path) as table, pytest.raises(ValueError, match=re.escape(message)):
        list(table.chunks("reading"))


CELLS = st.text(st.sampled_from(list("0123456789.-+eE _nai\n")), max_size=6)


@settings(max_examples=500, deadline=None)
@given(cells=st.lists(CELLS.filter(lambda cell: "\n" not in cell), max_size=4))
def test_plain_numbers_are_numbers(cells):
    if are_plain_numbers(cells):
        assert all(cell == "" or float(cell) is not None for cell in cells)


def test_numbers_as_programs_write_them_are_plain():
    assert are_plain_numbers(["1", "-0.5", "", "1e-05", "2.5E+300", "7.", "0.1234567890123456"])
    assert not any(
        are_plain_numbers([cell]) for cell in ("two", "1.5.2", "-", ".", "1e", "--1", "1 2", "nan")
    )


UNLISTED = {
    "one end": ["a,b", "b,a", "a,c", "b,b"],
    "the first end of several": ["a,b", "x,b", "a,y", "y,x"],
    "both ends of an edge": ["a,a", "x,y", "b,b"],
    "no end is listed": ["x,y", "y,z", "z,x"],
}


@pytest.mark.parametrize("rows", UNLISTED.values(), ids=UNLISTED)
@pytest.mark.parametrize("unknown", [None, "drop"])
@pytest.mark.parametrize("block", [4, 100])
def test_ends_that_are_not_listed_are_found_before_reading(rows, unknown, block, path, monkeypatch):
    pytest.importorskip("pyarrow", reason="Parquet is an extra")
    parquet = path.with_name("net.parquet")
    pd.DataFrame([row.split(",") for row in rows], columns=["pre", "post"]).to_parquet(parquet)
    path.write_text("\n".join(["pre,post", *rows]) + "\n")
    nodes = path.with_name("cells.csv")
    nodes.write_text("neuron\na\nb\n")
    monkeypatch.setattr(_pieces, "_BLOCK", block)
    said = [said_of(file, nodes, unknown) for file in (parquet, path)]
    assert said[0] == said[1]  # Parquet looks at the ends when all is read
    read = []
    monkeypatch.setattr(TextTable, "read", read_noted(TextTable.read, read))
    said_of(path, nodes, unknown)
    assert read == (["node", "edge"] if said[1] is None else ["node"])


def said_of(file, nodes, unknown):
    """The error of a file without the call that it begins with, None where it is read."""
    try:
        gr.io.read(file, nodes=nodes, unknown=unknown)
    except ValueError as error:
        return str(error).rpartition("` ")[2]
    return None


def read_noted(read, noted):
    def reading(table, what, *rest):
        noted.append(what)
        return read(table, what, *rest)

    return reading


def test_an_edge_without_listed_end_is_named_by_its_number(path):
    path.write_text("pre,post\na,b\n\na,c\nd,b\n")
    nodes = path.with_name("cells.csv")
    nodes.write_text("neuron\na\nb\n")
    assert said_of(path, nodes, None) == (
        "needs both ends of every edge in the table of nodes; 'c' of edge 2 is not there (2 such edges in "
        "all). Add the neuron, or leave these edges out with unknown='drop'."
    )
    with pytest.raises(ValueError, match="needs `unknown` to be one of error, drop; it got 'keep'"):
        gr.io.read(path, nodes=nodes, unknown="keep")
