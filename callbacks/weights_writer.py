"""The trained network as a file that others load."""

from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from safetensors.torch import save_file
from torch import nn


class WeightsWriter(Callback):
    """Leaves ``weights.safetensors`` in the run's folder when a fit has finished.

    The keys are those of the module's ``net``, so that the file loads by the ``weights`` argument
    of a network. With an averaging callback listed before this one, these are the averages.
    """

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the weights of ``pl_module.net`` from rank 0."""
        net = pl_module.net
        if not trainer.is_global_zero or not isinstance(net, nn.Module):
            return
        target = Path(trainer.default_root_dir) / "weights.safetensors"
        beside = target.with_name(f".{target.name}.part")
        target.parent.mkdir(parents=True, exist_ok=True)
        tensors = {key: value.contiguous() for key, value in net.state_dict().items()}
        save_file(tensors, beside, metadata={"format": "pt"})
        beside.replace(target)
