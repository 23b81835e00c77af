"""The trained network as a file that others load."""

import json
from collections.abc import Mapping
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from safetensors.torch import save
from torch import Tensor, nn

from datamodules.atomic import write_atomically
from datamodules.segmentation import SegmentationDataModule


class WeightsWriter(Callback):
    """Leaves ``weights.safetensors`` in the run's folder when a fit has finished.

    The keys are those of the module's ``net``, so that the file loads by the ``weights`` argument
    of a network. With an averaging callback listed before this one, these are the averages. The
    metadata name the size that the batches had, as ``trained_size``, like ``96x128``.
    """

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the weights of ``pl_module.net`` from rank 0.

        Raises:
            OSError: If the file cannot be written; one that stood there is left as it was.
        """
        net = pl_module.net
        if not trainer.is_global_zero or not isinstance(net, nn.Module):
            return
        if trainer.fast_dev_run:  # type: ignore[attr-defined]  # set, not declared
            return  # a trial of one batch must not replace trained weights
        # not save_file: its own error says nothing of a full disk
        content = save(_apart(net.state_dict()), metadata={"format": "pt", **_size_of(trainer)})
        path = Path(trainer.default_root_dir) / "weights.safetensors"
        write_atomically(path, _with_sorted_metadata(content))


def _apart(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors, none of which shares memory: the format refuses tied weights."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for key, value in state.items():
        place = value.untyped_storage().data_ptr()
        # a copy only of what is tied: networks are large
        found[key] = value.contiguous().clone() if place in seen else value.contiguous()
        seen.add(place)
    return found


def _size_of(trainer: Trainer) -> dict[str, str]:
    data: object = trainer.datamodule  # type: ignore[attr-defined]  # set, not declared
    if not isinstance(data, SegmentationDataModule):
        return {}
    # `networks.weights.trained_size` reads it
    return {"trained_size": "x".join(map(str, data.size))}


def _with_sorted_metadata(content: bytes) -> bytes:
    """Return a safetensors file whose bytes follow from what it holds.

    The library writes the metadata in an order that differs from call to call.
    """
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight
    return len(text).to_bytes(8, "little") + text + content[end:]
