"""Predicted masks and cut-outs as files, at the photos' own sizes."""

import json
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from numpy.typing import NDArray
from torch import Tensor

from callbacks.foreground_colours import foreground_colours
from callbacks.prompt_protocol import refuse_prompted
from datamodules.atomic import file_signature, write_atomically
from datamodules.batch import Batch
from datamodules.decode import read_image
from datamodules.problems import Problem, format_problems


@runtime_checkable
class Photos(Protocol):
    """What the writer asks of the DataModule."""

    root: Path
    """Folder of the photos."""
    size: tuple[int, int]
    """(height, width) that the network sees."""
    finer: float | None
    """How many times larger it sees them once more, in tiles."""

    @property
    def photos(self) -> Mapping[str, Path]:
        """Readable photos by id."""

    @property
    def problems(self) -> Sequence[Problem]:
        """Photos that cannot be read."""

    def skip(self, ids: Collection[str]) -> None:
        """Leave out photos whose results stand already."""


class PredictionWriter(Callback):
    """Writes one soft mask and one cut-out per photo; what stands already is not made again.

    ``masks/<id>.png`` is the 8-bit soft mask, ``cutouts/<id>.png`` the photo with that mask as
    its alpha channel, both upright and at the photo's own size. A photo counts as done when both
    stand: each appears whole, by a rename. ``recipe.json`` says what they were made from; another
    network or folder of photos needs another folder of results.

    Args:
        output: Folder of the results; null takes ``predictions`` in the run's folder.
        cutouts: Whether cut-outs are written.
        foreground: Whether a cut-out has the object's own colours at soft edges, see
            `callbacks.foreground_colours`, instead of the photo's, which keep a halo of the old
            background.
    """

    def __init__(
        self, output: Path | str | None = None, *, cutouts: bool = True, foreground: bool = False
    ) -> None:
        self.output = None if output is None else Path(output)
        self.cutouts = cutouts
        self.foreground = foreground
        self._folder = Path()
        self._photos: Mapping[str, Path] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Find out what is left to do.

        Raises:
            ValueError: If the DataModule has no photos to cut out, the model predicts nothing, or
                the network is told where the object is.
        """
        if stage != "predict":
            return
        refuse_prompted(getattr(pl_module, "net", None), "predict takes")  # claims no folder
        if type(pl_module).predict_step is LightningModule.predict_step:
            raise ValueError(
                f"{type(pl_module).__name__} cuts nothing out: give the checkpoint of a run of "
                "configs/dis"
            )
        data = trainer.datamodule  # type: ignore[attr-defined]
        if not isinstance(data, Photos):
            raise ValueError(
                f"PredictionWriter needs a DataModule of photos, got {type(data).__name__}: "
                "use datamodules.photos.PhotoFolder"
            )
        self._folder = self.output or Path(trainer.default_root_dir) / "predictions"
        self._photos = data.photos
        done = {id for id in data.photos if all(path.is_file() for path in self._paths(id))}
        data.skip(done)
        if trainer.is_global_zero:
            _say(f"{len(data.photos) - len(done)} photos to do, {len(done)} done before")

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Claim the folder, now that the checkpoint is known.

        Raises:
            ValueError: If it holds the results of other photos or of another network.
        """
        self._claim(self._recipe(trainer, pl_module))

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Sequence[Tensor],
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write the results of one batch."""
        for id, prediction in zip(batch.id, outputs, strict=True):
            alpha = prediction.cpu().numpy()
            mask_path, *cutout_path = self._paths(id)
            _write_png(mask_path, alpha)
            if cutout_path:
                photo = read_image(self._photos[id])
                colours = foreground_colours(photo, alpha) if self.foreground else photo
                _write_png(cutout_path[0], np.dstack([colours[..., ::-1], alpha]))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Report the photos that could not be read, and say where the results lie.

        Not at the end of prediction: Lightning passes over that where nothing was left to do.

        Raises:
            ValueError: If nothing was left because the folder holds the results of another network.
        """
        if stage != "predict":
            return
        self._claim(self._recipe(trainer, pl_module))
        problems = trainer.datamodule.problems  # type: ignore[attr-defined]
        if problems:
            _say(format_problems(problems))
        if trainer.is_global_zero:
            _say(f"masks and cut-outs: {self._folder}")

    def _claim(self, recipe: Mapping[str, object]) -> None:
        """Note what the folder's files are made from, or refuse to mix them with others."""
        path = self._folder / "recipe.json"
        if not (path.is_file() and (self._folder / "masks").is_dir()):
            write_atomically(path, json.dumps(recipe, indent=1).encode())
            return
        before = json.loads(path.read_text())
        other = [key for key, value in recipe.items() if before.get(key) != value]
        if other:
            raise ValueError(
                f"{self._folder} holds predictions of another {', '.join(other)}: delete it, or "
                "name another folder by --trainer.default_root_dir"
            )

    def _recipe(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, object]:
        """Return what decides the results, besides the photos' own content."""
        data: Photos = trainer.datamodule  # type: ignore[attr-defined]
        checkpoint = trainer.ckpt_path
        return {
            "folder": str(data.root.absolute()),
            "size": list(data.size),
            "finer": data.finer,
            "foreground": self.foreground or None,  # as in folders from before there was a choice
            # a retrained network has the same path
            "checkpoint": list(file_signature(Path(checkpoint))) if checkpoint else None,
            # without a checkpoint no file is known: weights enter by arguments of the network
            "network": None if checkpoint else _digest(pl_module),
        }

    def _paths(self, id: str) -> list[Path]:
        folders = ["masks", "cutouts"] if self.cutouts else ["masks"]
        return [self._folder / folder / f"{id}.png" for folder in folders]


def _digest(pl_module: LightningModule) -> str:
    """Return the SHA-256 of the module's classes, parameters and buffers, as hexadecimal."""
    digest = sha256()
    for name, part in pl_module.named_modules():
        digest.update(f"{name} {type(part).__module__}.{type(part).__qualname__}\n".encode())
    # buffers that no checkpoint keeps, too: mean and standard deviation of the input, for example
    for name, values in (*pl_module.named_parameters(), *pl_module.named_buffers()):
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        content = values.detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(content.numpy().data)
    return digest.hexdigest()


def _write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write (H, W) or (H, W, 4) BGRA uint8 pixels whole or not at all."""
    write_atomically(path, cv2.imencode(".png", pixels)[1].tobytes())


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the answer to the user's command
