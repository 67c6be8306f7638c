"""Labels moved to where a model sees the roads: what ``roadex align`` does."""

from roadex.training.align.job import LINES_NAME, MOVES_NAME, LabelAlignment

__all__ = ["LINES_NAME", "MOVES_NAME", "LabelAlignment"]
