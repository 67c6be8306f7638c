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


@pytest.mark.parametrize("kind", KINDS)
def test_error_survives_pickling(kind):
    error = pickle.loads(pickle.dumps(kind("delhi.tif has no CRS")))
    assert type(error) is kind
    assert str(error) == "delhi.tif has no CRS"
