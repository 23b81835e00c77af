"""What encoding and writing a pair costs while the device waits.

Run from a clone: ``python -m benchmarks.shard_writing [--sides 512 1024 1536]``. A shard is
published in the process that paints, after its last batch (`callbacks.shard_writer`), so what is
measured here is time in which nothing is painted. Photos that scikit-learn and scikit-image ship,
enlarged, with masks of wheels; shards of 64 pairs; formats in turn; milliseconds of the clock for a
pair.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import get_args

import cv2
import torch
from skimage import data as photos
from sklearn.datasets import load_sample_images

from benchmarks.interleaved import spread
from benchmarks.wheels import wheels
from callbacks import run_facts
from datamodules.generation_plan import Plan, PlanShard, write_plan
from datamodules.generation_result import FinishedShard
from datamodules.sample import Sample
from datamodules.shard_files import ImageFormat
from datamodules.shards import publish

OUT = Path(__file__).parent / "results" / "shard_writing.jsonl"


def painted(number: int, side: int) -> list[Sample]:
    """Return pairs with photos."""
    sources = [*load_sample_images().images, photos.astronaut(), photos.coffee(), photos.chelsea()]
    images = [cv2.resize(each, (side, side), interpolation=cv2.INTER_CUBIC) for each in sources]
    return [
        replace(pair, image=torch.from_numpy(images[k % len(images)]).permute(2, 0, 1).contiguous())
        for k, pair in enumerate(wheels(number, side))
    ]


def seconds_to_publish(
    root: Path, shards: Iterator[PlanShard], pairs: list[Sample], image_format: ImageFormat
) -> float:
    """Return the seconds in which the next shard appears."""
    shard = next(shards)
    samples = [replace(p, id=item.id) for p, item in zip(pairs, shard.items, strict=True)]
    finished = FinishedShard(shard=shard, samples=tuple(samples), rejected=())
    start = time.perf_counter()
    publish(root, finished, plan="benchmark", image_format=image_format, facts={})
    return time.perf_counter() - start


def main() -> None:
    """Measure, print the table and keep the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 1024, 1536])
    parser.add_argument("--pairs", type=int, default=64, help="of a shard")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    formats = get_args(ImageFormat)
    for side in options.sides:
        pairs = painted(options.pairs, side)
        with tempfile.TemporaryDirectory() as name:
            root, number = Path(name), len(formats) * (options.repeats + 1) * options.pairs
            keys = tuple(f"wheel~{k}" for k in range(number))
            plan = Plan(recipe={}, keys=keys, shard_size=options.pairs, seed=0)
            write_plan(root, plan)
            measure = partial(seconds_to_publish, root, iter(plan.shards), pairs)
            found: dict[str, list[float]] = {each: [] for each in formats}
            for repeat, each in ((k, f) for k in range(options.repeats + 1) for f in formats):
                seconds = measure(each)
                if repeat:
                    found[each].append(round(1000 * seconds / options.pairs, 3))
        row = {
            "side": side,
            "milliseconds_a_pair": found,
            "command": run_facts.command(),
            "commit": run_facts.commit(),
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "hardware": run_facts.hardware(torch.device("cpu"), 1),
        }
        with OUT.open("a") as file:
            file.write(f"{json.dumps(row)}\n")
        print(side, ", ".join(f"{key} {spread(values, '.2f')} ms" for key, values in found.items()))


if __name__ == "__main__":
    main()
