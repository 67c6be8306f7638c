"""Road probability at rest: what stored values mean, the tile store, the finished raster."""
