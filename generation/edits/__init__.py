"""Edits of masks that need no weights: a new `Sample` of the same object, shaped or seen otherwise.

Pixel coordinates are x to the right and y down, integers at pixel centres.
"""
