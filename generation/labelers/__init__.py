"""Labelers: a label map and its doubt for an image and the names of what it shows."""
