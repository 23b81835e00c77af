"""The network of a checkpoint, for one photo at a time. Letters: h, w the photo's size."""

import warnings
from argparse import ArgumentError
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jsonargparse import ArgumentParser
from lightning.pytorch import LightningModule
from numpy.typing import NDArray

from callbacks.prompt_protocol import refuse_prompted
from datamodules.batch import collate
from datamodules.folder import PhotoFile
from datamodules.photos import PhotoViews
from lightningmodules.dis import DIS
from train.errors import one_line
from train.remembered import read_checkpoint, remembered_model, remembered_size


class CutOut:
    """Finds the object of a photo, as ``predict`` does.

    Args:
        checkpoint: Of a run that trained `lightningmodules.dis.DIS`.
        size: Height and width that the network sees. None: those it was trained at.
        finer: See `datamodules.photos.PhotoFolder`.

    Raises:
        ValueError: If there is no such checkpoint, it holds another model or a network that is told
            where the object is, or no size is known.
    """

    def __init__(
        self, checkpoint: Path, size: int | None = None, *, finer: float | None = None
    ) -> None:
        content = read_checkpoint(checkpoint)
        model = _built(remembered_model(content, checkpoint))
        if not isinstance(model, DIS):
            raise ValueError(
                f"{checkpoint} holds no network that cuts out, but {type(model).__name__}: give "
                "that of a run of configs/dis"
            )
        refuse_prompted(model.net, "a cut-out needs")
        trained = remembered_size(content)
        if size is None and trained is None:
            raise ValueError(f"{checkpoint} does not say what size it was trained at: give --size")
        self.size = trained if size is None else (size, size)
        self.finer = finer
        model.load_state_dict(content["state_dict"])
        self._model = model.eval().to("cuda" if torch.cuda.is_available() else "cpu")

    def __call__(self, photo: Path) -> NDArray[np.uint8]:
        """Return the soft mask of a photo, ``(h, w)`` uint8, upright.

        Raises:
            DecodeError: If the file cannot be decoded.
        """
        assert self.size is not None
        views = PhotoViews([PhotoFile(id=photo.stem, image=photo)], self.size, self.finer)
        with torch.inference_mode():
            batch = self._model.transfer_batch_to_device(collate([views[0]]), self._model.device, 0)
            (found,) = self._model.predict_step(batch.to_float(), 0)
        return found.cpu().numpy()


def _built(remembered: dict[str, Any]) -> LightningModule:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(LightningModule, "model")
    try:
        config = parser.parse_object({"model": remembered})
    except ArgumentError as error:
        raise ValueError(one_line(str(error))) from error
    with warnings.catch_warnings():
        # said of the objects that the module remembers as its arguments: it is never saved here
        warnings.filterwarnings("ignore", "Attribute '.*' is an instance of `nn.Module`")
        return parser.instantiate_classes(config).model
