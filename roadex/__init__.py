"""roadex: road networks from satellite and aerial imagery."""
