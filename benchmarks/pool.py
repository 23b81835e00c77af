"""How long training waits for a generator that is eight times too slow.

Run from a clone: ``python -m benchmarks.pool [--seconds 40] [--repeats 3]``. The training step and
the generator's work are simulated by sleep, as if each had a GPU of its own; all else is real: the
loader, its workers, the mixture, and shards of procedural scenes that another process publishes.
Half of the samples are to be synthetic. Compared, interleaved A, B, C, D, A, B, C, D:

- inline: the training process makes each synthetic pair when its slot comes;
- blocking queue: another process makes them and a loader worker takes each from a queue, once;
- pool: another process publishes shards and the loader draws from what is there;
- real pairs alone: what the loader costs on this machine, as busy as it is.
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from multiprocessing.queues import Queue
from pathlib import Path
from statistics import median

import torch

from callbacks import run_facts
from callbacks.pool_facts import pool_facts
from datamodules.cache import ResizedCache
from datamodules.draws import SlotBatches, SlotLoader
from datamodules.folder import find_pairs
from datamodules.generation_plan import Plan, write_plan
from datamodules.generation_result import FinishedShard
from datamodules.mixture import Mixture
from datamodules.mixture_share import Constant
from datamodules.mixture_views import MixtureViews
from datamodules.pairs import Pairs
from datamodules.pool import Pool
from datamodules.pool_log import PoolLog
from datamodules.pool_pairs import PoolPairs
from datamodules.pool_run import decided_ahead
from datamodules.sample import Provenance, Sample
from datamodules.shards import publish
from datamodules.synthesis import DrawOther, PairSynthesis
from generation.procedural import ProceduralScenes

SHARE = 0.5
MAX_SLOTS = 10**6
OUT = Path(__file__).parent / "results" / "pool.json"


@dataclass(frozen=True)
class Setting:
    """What is common to all arms."""

    step: float
    """Seconds of a training step."""
    batch: int
    deficit: float
    """How many times too slow the generator is."""
    seconds: float
    """Of each measurement."""
    shard: int
    """Pairs in a shard."""
    every: int
    max_echo: int

    @property
    def seconds_a_pair(self) -> float:
        """What the generator takes for one pair."""
        return self.deficit * self.step / (self.batch * SHARE)


@dataclass
class Inline:
    """Makes a pair where it is asked for."""

    seconds: float

    def synthesise(self, sample: Sample, seed: int, draw_other: DrawOther) -> Sample:
        """Return the pair under another name, after the time that making one takes."""
        time.sleep(self.seconds)
        return renamed(sample, sample)


@dataclass
class Queued:
    """Takes a pair from another process, and waits for it."""

    queue: "Queue[Sample]"

    def synthesise(self, sample: Sample, seed: int, draw_other: DrawOther) -> Sample:
        """Return the next pair of the queue."""
        return renamed(self.queue.get(), sample)


def renamed(made: Sample, source: Sample) -> Sample:
    """Return a pair as one that was made from `source`."""
    provenance = Provenance(source="benchmark", parents=(source.id,))
    return replace(made, id=f"{source.id}~made", provenance=provenance)


def fill_queue(queue: "Queue[Sample]", samples: list[Sample], setting: Setting) -> None:
    """Put pair after pair, for ever."""
    number = 0
    while True:
        time.sleep(setting.seconds_a_pair)
        queue.put(samples[number % len(samples)])
        number += 1


def fill_pool(root: Path, samples: list[Sample], setting: Setting) -> None:
    """Publish the shards of a plan that has more than there is time for."""
    num = int(4 * setting.seconds / setting.seconds_a_pair) + setting.shard
    keys = tuple(f"scene~{number}" for number in range(num))
    plan = Plan(recipe={}, keys=keys, shard_size=setting.shard, seed=0)
    write_plan(root, plan)
    for shard in plan.shards:
        made = []
        for number, item in enumerate(shard.items):
            time.sleep(setting.seconds_a_pair)
            made.append(replace(samples[number % len(samples)], id=item.id))
        finished = FinishedShard(shard=shard, samples=tuple(made), rejected=())
        publish(root, finished, plan=plan.digest, image_format="jpg", facts={})


@contextmanager
def beside(target: Callable[..., None], *arguments: object) -> Iterator[None]:
    """Run a function in a process of its own for the time of the block."""
    process = multiprocessing.get_context("fork").Process(
        target=target, args=arguments, daemon=True
    )
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


class Bench:
    """The arms on one set of scenes.

    Args:
        folder: For everything that is written.
        size: Of the views in pixels.
        setting: Common to all arms.
    """

    def __init__(self, folder: Path, size: int, setting: Setting) -> None:
        self.folder = folder
        self.size = (size, size)
        self.setting = setting
        scenes = ProceduralScenes(size=2 * size, counts={"DIS-TR": 24, "DIS-VD": 1, "DIS-TE1": 1})
        scenes.write(folder / "set")
        files = find_pairs(folder / "set", "DIS-TR")[0]
        cache = ResizedCache(folder / "cache", self.size)
        cache.build(files)
        self.pairs = Pairs(files, size=self.size, cache=cache)
        found = [self.pairs.training_sample(index)[0] for index in range(len(files))]
        self.samples = [replace(sample, id=sample.id.rpartition("/")[2]) for sample in found]

    def inline(self) -> dict[str, float]:
        """Measure generation in the training process."""
        return self._trained(self._made(Inline(self.setting.seconds_a_pair)), num_workers=0)

    def queue(self) -> dict[str, float]:
        """Measure generation beside it, each pair used once."""
        queue: Queue[Sample] = multiprocessing.get_context("fork").Queue(64)
        with beside(fill_queue, queue, self.samples, self.setting):
            return self._trained(self._made(Queued(queue)), num_workers=1)

    def pool(self) -> dict[str, float]:
        """Measure the pool, empty at the start."""
        root = Path(tempfile.mkdtemp(dir=self.folder))
        own = Pool(root=root, max_echo=self.setting.max_echo, every=self.setting.every)
        members = [PoolPairs(root, PoolLog(root / "pool.0.jsonl"), size=self.size)]
        views = self._views(Mixture(share=Constant(SHARE), pools=[own]), members)
        before_step = decided_ahead(views, {}, is_writer=True)
        with beside(fill_pool, root, self.samples, self.setting):
            row = self._trained(views, num_workers=2, before_step=before_step)
        (facts,) = pool_facts(views, int(row["batches"]) * self.setting.batch)
        return {
            **row,
            "share_asked": facts.share_asked,
            "share_had": facts.share_had,
            "mean_echo": facts.mean_echo,
            "max_echo": float(facts.max_echo),
            "pairs": float(facts.num_pairs),
        }

    def real(self) -> dict[str, float]:
        """Measure the same loader without a generator."""
        return self._trained(self._made(Inline(0.0), share=0.0), num_workers=2)

    def _made(self, synthesis: PairSynthesis, share: float = SHARE) -> MixtureViews:
        return self._views(Mixture(share=Constant(share), synthesis=synthesis), [])

    def _views(self, mixture: Mixture, pools: list[PoolPairs]) -> MixtureViews:
        common = partial(MixtureViews, self.pairs, mixture, ready=[], held_out=[], seed=0)
        return common(batch_size=self.setting.batch, num_batches=None, pools=pools)

    def _trained(
        self,
        views: MixtureViews,
        *,
        num_workers: int,
        before_step: Callable[[int], None] | None = None,
    ) -> dict[str, float]:
        """Walk the slots with a sleep for each step; the clock begins with the first batch."""
        batch = self.setting.batch
        slots = SlotBatches(MAX_SLOTS, batch, 0, 1, before_step=before_step)
        loader = SlotLoader(views, slots=slots, num_workers=num_workers, pin_memory=False)
        batches = iter(loader)
        next(batches)
        start, waits = time.perf_counter(), []
        while True:
            time.sleep(self.setting.step)
            if (passed := time.perf_counter() - start) >= self.setting.seconds:
                break
            next(batches)
            waits.append(loader.last_wait)
        num = 1 + len(waits)  # the first batch was trained on as well
        return {
            "stall": sum(waits) / passed,
            "images_per_second": num * batch / passed,
            "longest_wait": max(waits, default=0.0),
            "batches": float(num),
        }


def main() -> None:
    """Measure, print the table and keep the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--step", type=float, default=0.25, help="seconds")
    parser.add_argument("--deficit", type=float, default=8.0)
    parser.add_argument("--seconds", type=float, default=40.0, help="of each measurement")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    setting = Setting(options.step, 8, options.deficit, options.seconds, 4, 4, 8)
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), options.size, setting)
        arms = {
            "inline": bench.inline,
            "blocking queue": bench.queue,
            "pool": bench.pool,
            "real pairs alone": bench.real,
        }
        found: dict[str, list[dict[str, float]]] = {arm: [] for arm in arms}
        for _ in range(options.repeats):
            for arm, measure in arms.items():
                row = {key: round(value, 4) for key, value in measure().items()}
                found[arm].append({**row, "load": round(os.getloadavg()[0], 1)})
    content = {
        "command": run_facts.command(),
        "commit": run_facts.commit(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "hardware": run_facts.hardware(torch.device("cpu"), 1),
        "setting": {**setting.__dict__, "size": options.size, "share": SHARE},
        "rows": found,
    }
    options.out.write_text(f"{json.dumps(content, indent=1)}\n")
    print(f"| {options.deficit:g} times too slow | data stall | images/s | longest wait, s |")
    print("|---|---|---|---|")
    for arm, rows in found.items():
        shown = [
            spread([row[key] for row in rows], form)
            for key, form in (
                ("stall", ".2%"),
                ("images_per_second", ".2f"),
                ("longest_wait", ".3f"),
            )
        ]
        print(f"| {arm} | {' | '.join(shown)} |")


def spread(values: list[float], form: str) -> str:
    """Return the median and the range as text."""
    middle, low, high = (format(f(values), form) for f in (median, min, max))
    return f"{middle} ({low}-{high})"


if __name__ == "__main__":
    main()
