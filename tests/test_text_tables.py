"""Tables of text are read as Python's csv module reads them, wherever a piece of the file ends."""

import csv
import io
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graphrnn.io import _pieces
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
