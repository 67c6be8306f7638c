"""Errors must survive the way back from a worker process."""

import inspect
import pickle

import pytest

from roadex import errors

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.RoadexError)
]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\nb\t c", "a b c"),
        ("\x1b[1mbold\x1b[0m", "bold"),
        ("\x1b[2J\0\x7f", r"\x1b[2J\x00\x7f"),
        ("rot\u202egrün é", r"rot\u202egrün é"),
        ("x" * 5000 + "end", "x" * 500 + " [...] " + "x" * 497 + "end"),
    ],
)
def test_an_error_is_one_line_that_any_terminal_can_show(text, said):
    error = errors.SceneError(text)
    assert str(error) == said
    assert str(pickle.loads(pickle.dumps(error))) == said


@pytest.mark.parametrize("kind", KINDS)
def test_error_survives_pickling(kind):
    error = pickle.loads(pickle.dumps(kind("delhi.tif has no CRS")))
    assert type(error) is kind
    assert str(error) == "delhi.tif has no CRS"
