"""A generator for tiny runs: it publishes shards while training goes on."""

from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from datamodules.batch import Batch
from datamodules.generation_plan import Plan, PlanItem, PlanShard, write_plan
from datamodules.generation_result import FinishedShard
from datamodules.sample import MaskKind, Provenance, Sample
from datamodules.seeds import generator_for
from datamodules.shards import publish


def publish_shard(root: Path, number: int, num_pairs: int = 2) -> None:
    """Publish pairs of noise, a function of `number`; one that stands is left alone."""
    # of more pairs than are ever made: the generator is not done
    keys = tuple(f"made~{key}" for key in range(99))
    write_plan(root, Plan(recipe={}, keys=keys, shard_size=1, seed=0))
    samples = tuple(_sample(f"made~{number:03d}-{place}") for place in range(num_pairs))
    items = tuple(PlanItem(id=sample.id, key=sample.id, seed=0) for sample in samples)
    finished = FinishedShard(
        shard=PlanShard(id=f"{number:06d}-toy", items=items), samples=samples, rejected=()
    )
    publish(root, finished, plan="toy", image_format="png", facts={})


class Publisher(Callback):
    """Rank 0 publishes a shard before each of some batches.

    Args:
        root: Folder of the pool.
        at: Numbers of the batches, and of the shards.
    """

    def __init__(self, root: str, at: list[int]) -> None:
        self.root = Path(root)
        self.at = at

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        number = trainer.fit_loop.total_batch_idx
        if trainer.is_global_zero and number in self.at:
            publish_shard(self.root, number)


def _sample(id: str) -> Sample:
    pixels = torch.randint(0, 256, (4, 40, 48), dtype=torch.uint8, generator=generator_for(0, id))
    return Sample(
        id=id,
        image=pixels[:3],
        mask=pixels[3],
        mask_kind=MaskKind.ALPHA,
        class_names=("Ball",),
        provenance=Provenance(source="toy"),
    )
