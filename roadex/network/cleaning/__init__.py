"""Cleaning of a road graph: one module per step, put in order by :mod:`.steps`."""
