"""A set of masks in the layout of DIS5K."""

from pathlib import Path

import cv2
import numpy as np
import torch


def write_discs(root: Path) -> Path:
    """Discs of several sizes, half of them with a hole."""
    noise = np.random.default_rng(0)
    for split, count in (("DIS-TR", 8), ("DIS-VD", 5), ("DIS-TE1", 1)):
        for kind in ("im", "gt"):
            (root / split / kind).mkdir(parents=True)
        for number in range(count):
            y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
            radius = ((x - 32) ** 2 + (y - 30) ** 2).sqrt()
            mask = (radius < 14 + number) & (radius > 7 * (number % 2))
            pixels = mask.byte().mul(255).numpy()
            cv2.imwrite(str(root / split / "gt" / f"{split}{number}.png"), pixels)
            # unused, and told apart so that the check of the set finds no photo twice
            photo = noise.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            cv2.imwrite(str(root / split / "im" / f"{split}{number}.jpg"), photo)
    return root
