"""The stages put together on Dask; the only place that knows it."""
