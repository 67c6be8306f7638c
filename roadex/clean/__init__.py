"""Cleaning of a road graph: one step per module, put in order by :mod:`roadex.clean.steps`."""
