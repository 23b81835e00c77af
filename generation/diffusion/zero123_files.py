"""Zero-1-to-3 from and to a folder in the hub's layout; diffusers has no pipeline for it.

Two layouts are published, which differ in the name of one network: ``cc_projection``
(``kxic/zero123-165000``, ``kxic/zero123-xl``) and ``clip_camera_projection``
(``bennyguo/zero123-xl-diffusers``, ``ashawkey/zero123-xl-diffusers``). Stable Zero123 has the
second one, but is told the elevation of the photo in place of a radius: its views would be wrong.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from generation.diffusion.loading import ModelNotFound, snapshot_files

if TYPE_CHECKING:
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    from networks.zero123 import Zero123Net

_INDEX = "model_index.json"
_PARTS = {
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "image_encoder": ["transformers", "CLIPVisionModelWithProjection"],
}


@dataclass(frozen=True, slots=True)
class Zero123:
    """A loaded model."""

    net: "Zero123Net"
    """In float32 on the CPU, in evaluation mode."""
    scheduler: "DDIMScheduler"
    """The levels of noise that it was trained at."""
    name: str
    """With what its weights are, as `datamodules.sample.Provenance.models` has it."""


def load_zero123(model: str, *, revision: str = "main") -> Zero123:
    """Return a model from a local folder, the local cache or the hub.

    Args:
        model: Folder or hub id ``owner/name``, in one of the published layouts.
        revision: Of the hub: a branch, tag or commit.

    Raises:
        ModelNotFound: If it is neither here nor to be had, or a part of it is missing.
    """
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from transformers import CLIPVisionModelWithProjection

    from networks.zero123 import CCProjection, CLIPCameraProjection, Zero123Net

    wanted = ("*.json", "*.safetensors", "*.bin")
    files = snapshot_files(model, index=_INDEX, wanted=wanted, revision=revision)
    folder = files.folder
    index = json.loads((folder / _INDEX).read_text())
    kinds = {"cc_projection": CCProjection, "clip_camera_projection": CLIPCameraProjection}
    named = [name for name in kinds if name in index]
    if not named:
        raise ModelNotFound(
            f"{folder} is no Zero-1-to-3: its {_INDEX} names neither {' nor '.join(kinds)}; give "
            "kxic/zero123-xl or a folder with it"
        )
    try:
        net = Zero123Net(
            UNet2DConditionModel.from_pretrained(folder / "unet"),
            AutoencoderKL.from_pretrained(folder / "vae"),
            image_encoder=CLIPVisionModelWithProjection.from_pretrained(
                folder / "image_encoder",
                dtype=torch.float32,  # transformers would keep the 16 bits of a file
            ),
            camera_projection=kinds[named[0]].from_pretrained(folder / named[0]),
        )
        scheduler = DDIMScheduler.from_pretrained(folder / "scheduler")
    except OSError as error:
        line = " ".join(str(error).split())
        raise ModelNotFound(f"{folder} is no whole Zero-1-to-3: {line}") from error
    return Zero123(net.eval().requires_grad_(False), scheduler, files.name)


def save_zero123(net: "Zero123Net", scheduler: "DDIMScheduler", folder: Path) -> None:
    """Write a model in one of the published layouts, the one that its camera projection has.

    Args:
        net: With either projection.
        scheduler: The levels of noise that it was trained at.
        folder: Made where it is missing.
    """
    from networks.zero123 import CCProjection

    is_first = isinstance(net.camera_projection, CCProjection)
    projection = "cc_projection" if is_first else "clip_camera_projection"
    for name in ("unet", "vae", "image_encoder"):
        getattr(net, name).save_pretrained(folder / name)
    net.camera_projection.save_pretrained(folder / projection)
    scheduler.save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "Zero1to3StableDiffusionPipeline" if is_first else "Zero123Pipeline",
        **_PARTS,
        projection: ["pipeline_zero1to3", type(net.camera_projection).__name__],
    }
    (folder / _INDEX).write_text(json.dumps(index, indent=2) + "\n")
