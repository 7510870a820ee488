"""Argument checks: what they let pass, and in what form; what they say."""

import math
import re
from fractions import Fraction

import numpy as np
import pytest

from graphrnn import _checks


@pytest.mark.parametrize(
    ("check", "value", "passed"),
    [
        (_checks.count, 3, 3),
        (_checks.count, np.int32(3), 3),
        (_checks.count, np.uint64(3), 3),
        (_checks.fraction, 0, 0.0),
        (_checks.fraction, 1, 1.0),
        (_checks.fraction, np.float32(0.5), 0.5),
        (_checks.fraction, Fraction(1, 4), 0.25),
        (_checks.positive, 1e-300, 1e-300),
        (_checks.positive, np.int64(7), 7.0),
        (_checks.nonnegative, 0, 0.0),
        (_checks.finite, -3, -3.0),
        (_checks.boolean, True, True),
        (_checks.boolean, False, False),
        (_checks.text, "V1", "V1"),
    ],
)
def test_what_passes_comes_back_as_a_plain_python_value(check, value, passed):
    found = check("call", "name", value)
    assert found == passed
    assert type(found) is type(passed)


def test_choices():
    assert _checks.one_of("call", "layout", "csr", ("coo", "csr")) == "csr"
    assert _checks.known("call", "area", "V1", iter(["V2", "V1"])) == "V1"
    assert _checks.count("call", "n", 0, minimum=0) == 0


NUMBER = "`call` needs a number for `x`; it got {}."
MESSAGES = [
    (_checks.count, 0, ValueError, "`call` needs `x` of at least 1; it got 0."),
    (_checks.count, True, TypeError, "`call` needs a whole number for `x`; it got True."),
    (_checks.count, 3.0, TypeError, "`call` needs a whole number for `x`; it got 3.0."),
    (_checks.count, "3", TypeError, "`call` needs a whole number for `x`; it got '3'."),
    (_checks.count, None, TypeError, "`call` needs a whole number for `x`; it got None."),
    (_checks.fraction, -0.1, ValueError, "`call` needs `x` from 0 to 1; it got -0.1."),
    (_checks.fraction, math.nan, ValueError, "`call` needs `x` from 0 to 1; it got nan."),
    (_checks.fraction, True, TypeError, NUMBER.format("True")),
    (_checks.fraction, 1j, TypeError, NUMBER.format("1j")),
    (_checks.fraction, np.array([0.5]), TypeError, NUMBER.format("array([0.5])")),
    (_checks.positive, 0, ValueError, "`call` needs `x` to be finite and above 0; it got 0."),
    (_checks.positive, math.inf, ValueError, "`call` needs `x` to be finite and above 0; it got inf."),
    (_checks.positive, math.nan, ValueError, "`call` needs `x` to be finite and above 0; it got nan."),
    (_checks.positive, "1", TypeError, NUMBER.format("'1'")),
    (_checks.nonnegative, -1, ValueError, "`call` needs `x` to be finite and not below 0; it got -1."),
    (_checks.nonnegative, math.inf, ValueError, "`call` needs `x` to be finite and not below 0; it got inf."),
    (_checks.finite, math.nan, ValueError, "`call` needs `x` to be finite; it got nan."),
    (_checks.finite, None, TypeError, NUMBER.format("None")),
    (_checks.boolean, 1, TypeError, "`call` needs True or False for `x`; it got 1."),
    (_checks.boolean, "yes", TypeError, "`call` needs True or False for `x`; it got 'yes'."),
    (_checks.text, 3, TypeError, "`call` needs a string for `x`; it got 3."),
    (_checks.text, "", ValueError, "`call` needs a `x` that is not empty."),
]


@pytest.mark.parametrize(("check", "value", "kind", "message"), MESSAGES)
def test_messages(check, value, kind, message):
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        check("call", "x", value)


@pytest.mark.parametrize(
    ("value", "choices", "message"),
    [
        ("foward", ["forward", "backward"], "`call` found no kind named 'foward'. Did you mean 'forward'?"),
        ("x", ["a", "b"], "`call` found no kind named 'x'. There is 'a', 'b'."),
        ("x", [], "`call` found no kind named 'x'. There is no kind yet."),
        (3, ["a"], "`call` found no kind named 3. There is 'a'."),
        (
            "x",
            list("abcdefghij"),
            "`call` found no kind named 'x'. There is 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h' and more.",
        ),
    ],
)
def test_unknown_names(value, choices, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        _checks.known("call", "kind", value, choices)


@pytest.mark.parametrize("value", ["COO", None, ["coo"]])
def test_one_of(value):
    with pytest.raises(ValueError, match="layout") as e:
        _checks.one_of("call", "layout", value, ("coo", "csr"))
    assert str(e.value) == f"`call` needs `layout` to be one of coo, csr; it got {value!r}."
