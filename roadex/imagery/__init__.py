"""Scenes and their pixels: what a raster is, and the one way by which pixels are read.

    file, URL, mosaic ──► Scene ──► WorkGrid ──► Tile ──► image (C, h, w), valid (h, w)

A :class:`~roadex.imagery.scene.Scene` describes a raster without keeping it open. The work grid is
where its roads are looked for, and tiles are the parts in which that is done.
"""
