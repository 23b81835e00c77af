"""Draft sources: what a generation run is made of."""
