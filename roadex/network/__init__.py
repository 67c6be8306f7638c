"""From road probability to a road network, exact across tiles.

    probability ──► mask ──► skeleton ──► chains ──► graph ──► cleaning ──► lines ──► tables

:func:`roadex.network.vectorize.vectorize` puts these in order.
"""
