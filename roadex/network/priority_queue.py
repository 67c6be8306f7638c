"""A priority queue in arrays for compiled code: smallest key first, then smallest item.

Lists of tuples and :mod:`heapq` would do, but take numba ten seconds to compile, once for every
user; these few lines take none.
"""

from __future__ import annotations

from roadex.network.compiled import kernel


@kernel
def heap_push(keys, items, n, key, item):  # type: ignore[no-untyped-def]
    """Add an item to the ``n`` in the queue; the arrays must have room for it."""
    at = n
    while at > 0:
        parent = (at - 1) >> 1
        if keys[parent] < key or (keys[parent] == key and items[parent] <= item):
            break
        keys[at], items[at] = keys[parent], items[parent]
        at = parent
    keys[at], items[at] = key, item
    return n + 1


@kernel
def heap_pop(keys, items, n):  # type: ignore[no-untyped-def]
    """Take the first of the ``n`` items in the queue; return its key, itself and ``n - 1``."""
    first_key, first_item = keys[0], items[0]
    n -= 1
    key, item = keys[n], items[n]
    at = 0
    while 2 * at + 1 < n:
        child = 2 * at + 1
        if child + 1 < n and (
            keys[child + 1] < keys[child]
            or (keys[child + 1] == keys[child] and items[child + 1] < items[child])
        ):
            child += 1
        if key < keys[child] or (key == keys[child] and item <= items[child]):
            break
        keys[at], items[at] = keys[child], items[child]
        at = child
    keys[at], items[at] = key, item
    return first_key, first_item, n
