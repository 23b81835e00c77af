"""Part of `benchmarks.gpu` that loads: whether the machine's processes can feed its GPU."""

import multiprocessing
import os
import tempfile
from pathlib import Path

from benchmarks import loader
from benchmarks.gpu_site import Measured, Site
from datamodules.cache import ResizedCache


def loading(site: Site) -> list[Measured]:
    """Return pairs per second of all processes together, see `benchmarks.loader`."""
    processes = 1 if site.is_smoke else min(16, os.cpu_count() or 1)
    seconds, repeats, count = (0.1, 1, 1) if site.is_smoke else (3.0, 5, 8)
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    with tempfile.TemporaryDirectory() as name:
        pairs = loader.make_pairs(Path(name), count)
        cache = ResizedCache(Path(name) / "cache", loader.TARGET)
        for each in (cache, ResizedCache(cache.folder, loader.TARGET, margin=1.0)):
            each.build(pairs)
        with context.Pool(processes, initializer=loader._share, initargs=(barrier,)) as pool:
            arguments = (pairs, cache, seconds, repeats)
            found = pool.map(loader._worker, [arguments] * processes, chunksize=1)
    return [
        Measured(
            f"{arm}, {processes} processes",
            "pairs/s",
            tuple(sum(each[k][arm] for each in found) for k in range(repeats)),
        )
        for arm in found[0][0]
    ]
