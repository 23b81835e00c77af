"""How many samples a validation looks at, known before it begins."""

import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader


def num_validation_samples(trainer: Trainer) -> int:
    """Return the samples of one whole validation, over all processes; each of them must ask.

    Args:
        trainer: Has loaders with a length, each sample in one of them once.

    Returns:
        0 where nothing is validated, or where the loaders are not built yet: in a fit they are from
        ``on_train_start`` on, unless the first epochs go without a validation.
    """
    loader: object = trainer.val_dataloaders
    own = 0
    if isinstance(loader, DataLoader):
        limit = sum(trainer.num_val_batches) * (loader.batch_size or 1)
        own = int(min(len(loader.sampler), limit))  # type: ignore[arg-type]  # ours have a length
    device = trainer.strategy.root_device
    # the same number on every process: if one of them stopped alone, the others would wait for it
    return int(trainer.strategy.reduce(torch.tensor(own, device=device), reduce_op="sum"))
