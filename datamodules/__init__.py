"""Bytes to batches."""

import os

# albumentations asks the network for a newer release when it is imported, which any module of this
# package may do first
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
