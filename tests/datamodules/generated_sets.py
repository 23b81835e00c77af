"""A small generated set, published without a Trainer."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from datamodules.generation_plan import Plan, write_plan
from datamodules.generation_result import FinishedShard, Rejected, Seconds
from datamodules.sample import Sample
from datamodules.shard_files import ImageFormat
from datamodules.shard_index import write_index
from datamodules.shards import publish
from tests.datamodules.generation_toys import toy_sample


def as_made(sample: Sample) -> Sample:
    return sample


def licensed(sample: Sample, licence: str) -> Sample:
    return replace(sample, provenance=replace(sample.provenance, licence=licence))


def toy_set(
    folder: Path,
    number: int = 5,
    *,
    name: str = "toy",
    last: int | None = None,
    image_format: ImageFormat = "png",
    made: Callable[[Sample], Sample] = as_made,
) -> list[str]:
    """Write a set in shards of two of which the second pair was rejected, and return the ids.

    Args:
        folder: Of the set.
        number: Pairs of the plan.
        name: Their ids begin with it.
        last: Shards that are published; None publishes all and writes the index.
        image_format: Of the images.
        made: Changes each sample before it is published.
    """
    keys = tuple(f"{name}.{k}~{k}" for k in range(number))
    plan = Plan(recipe={"net": "none"}, keys=keys, shard_size=2, seed=0)
    write_plan(folder, plan)
    rejected = plan.shards[0].items[1].id
    ids = []
    for shard in plan.shards[:last]:
        kept = [item.id for item in shard.items if item.id != rejected]
        ids += kept
        finished = FinishedShard(
            shard=shard,
            samples=tuple(made(toy_sample(id, size=(6 + len(id) % 3, 8))) for id in kept),
            rejected=tuple(
                Rejected(item.id, "blankness", "0.5 of it is blank")
                for item in shard.items
                if item.id == rejected
            ),
            scores={id: {"agreement": 0.75} for id in kept},
            seconds={"draft": Seconds(cpu=3.0), "paint": Seconds(cpu=0.5, device=1.0)},
        )
        facts = {"published": "2026-01-01T00:00:00+00:00", "hardware": "toy", "versions": "toy 1"}
        publish(folder, finished, plan=plan.digest, image_format=image_format, facts=dict(facts))
    if last is None:
        write_index(folder)
    return ids
