"""Compare our loader with a plain Pillow loader, process by process, interleaved.

Run from a clone: ``python -m benchmarks.loader [--seconds 3] [--repeats 5] [--pairs 8]``.
It makes its own photo-like pairs (2200x1800 JPEG, intricate PNG mask) in a temporary folder
from photos that scikit-learn and scikit-image ship, and needs no network.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage import data as photos
from sklearn.datasets import load_sample_images

from datamodules.cache import ResizedCache
from datamodules.decode import start_worker
from datamodules.folder import PairFiles
from datamodules.pairs import Pairs

ORIGINAL, TARGET = (1800, 2200), (1024, 1024)
MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)
WARM_UP = 3
Load = Callable[[int], object]
_barrier: Barrier  # of a worker process, set when it starts


def make_pairs(folder: Path, count: int) -> list[PairFiles]:
    """Write pairs of a photo, enlarged and with sensor-like noise, and a mask of many blobs."""
    sources = [*load_sample_images().images, photos.astronaut(), photos.coffee(), photos.chelsea()]
    rng = np.random.default_rng(0)
    height, width = ORIGINAL
    pairs = []
    for index in range(count):
        photo = cv2.resize(sources[index % len(sources)], (width, height))
        noise = cv2.GaussianBlur(rng.normal(0, 8, (height, width)).astype(np.float32), (0, 0), 0.7)
        noisy = np.clip(photo + noise[..., None], 0, 255).astype(np.uint8)
        blobs = cv2.GaussianBlur(rng.normal(size=(height, width)).astype(np.float32), (0, 0), 20)
        mask = np.clip(blobs / blobs.std() * 1500 + 128, 0, 255).astype(np.uint8)  # edges of 3 px
        files = PairFiles(
            id=str(index),
            image=folder / f"{index}.jpg",
            mask=folder / f"{index}.png",
            weight=None,
            class_names=("object",),
        )
        Image.fromarray(noisy).save(files.image, quality=90)
        Image.fromarray(mask).save(files.mask)
        pairs.append(files)
    return pairs


def load_with_pillow(files: PairFiles, *, flip: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """The baseline: decode, resize with antialiasing, flip, normalise."""
    size = TARGET[::-1]
    with Image.open(files.image) as picture:
        image = np.asarray(picture.convert("RGB").resize(size, Image.Resampling.BILINEAR))
    with Image.open(files.mask) as picture:
        mask = np.asarray(picture.convert("L").resize(size, Image.Resampling.BILINEAR))
    if flip:
        image, mask = image[:, ::-1], mask[:, ::-1]
    normal = (image.astype(np.float32) / 255 - MEAN) / STD
    image_chw = torch.from_numpy(np.ascontiguousarray(normal.transpose(2, 0, 1)))
    return image_chw, torch.from_numpy(mask.astype(np.float32) / 255)


def loaders(pairs: list[PairFiles], cache: ResizedCache) -> dict[str, Load]:
    """Return what is compared; each takes a running number."""
    import albumentations

    from datamodules.transforms import JointTransform

    flip = JointTransform([albumentations.HorizontalFlip(p=0.5)])
    crop = JointTransform(
        [albumentations.RandomCrop(*TARGET), albumentations.HorizontalFlip(p=0.5)]
    )
    untouched = Pairs(pairs, size=TARGET, transform=flip)
    flat = ResizedCache(cache.folder, TARGET, margin=1.0)  # what a recipe of flips gets
    cached = Pairs(pairs, size=TARGET, cache=flat, transform=flip)
    cropped = Pairs(pairs, size=TARGET, cache=cache, transform=crop)
    count = len(pairs)
    return {
        "Pillow": lambda k: load_with_pillow(pairs[k % count], flip=bool(k % 2)),
        "untouched files, flip": lambda k: untouched.training_view(k % count, k),
        "cache, flip": lambda k: cached.training_view(k % count, k),
        "cache, crop and flip": lambda k: cropped.training_view(k % count, k),
    }


def throughput(load: Load, seconds: float) -> float:
    """Return pairs per second."""
    start, done = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < seconds:
        load(done)
        done += 1
    return done / passed


def measure(
    pairs: list[PairFiles], cache: ResizedCache, barrier: Barrier, seconds: float, repeats: int
) -> list[dict[str, float]]:
    """Return pairs per second of each loader and repeat, interleaved A, B, C, A, B, C."""
    torch.set_num_threads(1)  # as in a DataLoader worker
    start_worker(0)
    compared = loaders(pairs, cache)
    for load in compared.values():
        for k in range(WARM_UP):
            load(k)
    results = []
    for _ in range(repeats):
        result = {}
        for name, load in compared.items():
            barrier.wait()  # all processes run the same loader at the same time
            result[name] = throughput(load, seconds)
        results.append(result)
    return results


def _worker(arguments: tuple[list[PairFiles], ResizedCache, float, int]) -> list[dict[str, float]]:
    pairs, cache, seconds, repeats = arguments
    return measure(pairs, cache, _barrier, seconds, repeats)


def _share(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def psnr(first: NDArray[np.generic], second: NDArray[np.generic]) -> float:
    """Return the peak signal-to-noise ratio in dB."""
    error = np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def least_psnr(pairs: list[PairFiles], cache: ResizedCache | None) -> tuple[float, float]:
    """Return the worst dB of image and mask between our views and the baseline's pixels."""
    ours = Pairs(pairs, size=TARGET, cache=cache)
    image_db, mask_db = [], []
    for index, files in enumerate(pairs):
        normal, mask = load_with_pillow(files, flip=False)
        image = (normal.permute(1, 2, 0).numpy() * STD + MEAN) * 255
        sample = ours.training_view(index, 0).sample
        image_db.append(psnr(sample.image.permute(1, 2, 0).numpy(), image))
        mask_db.append(psnr(sample.mask.numpy(), mask.numpy() * 255))
    return min(image_db), min(mask_db)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="of each timing")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pairs = make_pairs(Path(folder), options.pairs)
        cache = ResizedCache(Path(folder) / "cache", TARGET)
        cache.build(pairs)
        flat = ResizedCache(cache.folder, TARGET, margin=1.0)
        flat.build(pairs)
        kib = [
            np.mean([getattr(f, n).stat().st_size for f in pairs]) / 1024 for n in ("image", "mask")
        ]
        print(f"{options.pairs} pairs 2200x1800, JPEG {kib[0]:.0f} KiB, PNG mask {kib[1]:.0f} KiB")
        for name, used in (("untouched", None), ("cache, flip", flat), ("cache, crop", cache)):
            image_db, mask_db = least_psnr(pairs, used)
            print(f"{name}: least PSNR to Pillow {image_db:.1f} dB image, {mask_db:.1f} dB mask")
        for processes in (1, 2):
            report(processes, (pairs, cache, options.seconds, options.repeats))


def report(processes: int, arguments: tuple[list[PairFiles], ResizedCache, float, int]) -> None:
    """Run in so many processes and print pairs per second in total, and the ratio."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    with context.Pool(processes, initializer=_share, initargs=(barrier,)) as pool:
        results = pool.map(_worker, [arguments] * processes, chunksize=1)
    repeats = range(len(results[0]))
    total = {n: [sum(r[k][n] for r in results) for k in repeats] for n in results[0][0]}
    print(f"\n{processes} process(es) on {os.cpu_count()} cores; median (range) of {len(repeats)}")
    print(f"{'loader':24}{'pairs/s':>22}{'times Pillow':>24}")
    for name, speeds in total.items():
        ratios = [speed / base for speed, base in zip(speeds, total["Pillow"], strict=True)]
        print(f"{name:24}{_spread(speeds):>22}{_spread(ratios):>24}")


def _spread(values: list[float]) -> str:
    return f"{median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


if __name__ == "__main__":
    main()
