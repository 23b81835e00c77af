"""The mixture that a run trains on, if it does."""

from lightning.pytorch import Trainer

from datamodules.draws import SlotLoader
from datamodules.mixture_views import MixtureViews


def trained_mixture(trainer: Trainer) -> MixtureViews | None:
    """Return the training views of a fit where they are a mixture.

    They are functions of (seed, slot), so that looking at any of them changes none that training
    draws.
    """
    loader = trainer.train_dataloader
    if isinstance(loader, SlotLoader) and isinstance(loader.dataset, MixtureViews):
        return loader.dataset
    return None
