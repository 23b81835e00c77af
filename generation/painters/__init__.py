"""Painters: how an image comes to be for an edited mask."""
