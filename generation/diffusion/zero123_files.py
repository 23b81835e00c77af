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

from generation.diffusion.loading import ModelNotFound
from networks.features import weights_hash

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
    """With its commit or the hash of its U-Net, for `datamodules.sample.Provenance.models`."""


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

    folder = _folder(model, revision)
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
            image_encoder=CLIPVisionModelWithProjection.from_pretrained(folder / "image_encoder"),
            camera_projection=kinds[named[0]].from_pretrained(folder / named[0]),
        )
        scheduler = DDIMScheduler.from_pretrained(folder / "scheduler")
    except OSError as error:
        line = " ".join(str(error).split())
        raise ModelNotFound(f"{folder} is no whole Zero-1-to-3: {line}") from error
    net = net.eval().requires_grad_(False)
    commit = folder.name if folder.parent.name == "snapshots" else weights_hash(net.unet)
    name = model if folder.parent.name == "snapshots" else folder.resolve().name
    return Zero123(net, scheduler, f"{name}@{commit}")


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


def _folder(model: str, revision: str) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HFValidationError

    local = Path(model).expanduser()
    if (local / _INDEX).exists():
        return local
    if local.is_dir():
        raise ModelNotFound(f"folder {local} has no {_INDEX}: give a folder in the hub's layout")
    try:
        patterns = ["*.json", "*.safetensors", "*.bin"]
        found = Path(snapshot_download(model, revision=revision, allow_patterns=patterns))
    except (OSError, HFValidationError) as error:
        place = f"models/{model.rpartition('/')[2]}"
        raise ModelNotFound(
            f"model {model!r} (revision {revision!r}) is no folder here, is not in the cache "
            f"{constants.HF_HUB_CACHE} and cannot be had from {constants.ENDPOINT}; on a machine "
            f"with a network run `hf download {model} --local-dir {place}`, copy the folder here "
            "and give its path as the model; configs/generation/maskfactory.yaml turns objects by "
            "generation.edits.view_change.ViewChange and runs without any download"
        ) from error
    if not (found / _INDEX).exists():
        raise ModelNotFound(f"{model} has no {_INDEX}: give a model in the layout of diffusers")
    return found
