"""The configurations of MaskFactory with tiny random models in place of those that they name."""

from pathlib import Path
from shutil import copytree
from typing import Any

import yaml

from networks.zero123 import CCProjection
from tests.generation.test_zero123 import write as write_zero123
from tests.generation.tiny_clip import write_clip, write_clipseg
from tests.generation.tiny_latent_models import write_sd
from tests.generation.tiny_pipelines import save_sd15, save_sdxl

CONFIGS = Path(__file__).parents[2] / "configs" / "generation"
_SEGMENTER = {"class_path": "generation.filters.text_segmenter.TextSegmenter"}


def write_models(folder: Path) -> dict[str, str]:
    """Write a folder for each model that the configurations name, and return them by name."""
    sd15, sdxl = save_sd15(folder / "a"), save_sdxl(folder / "b")
    small = copytree(sd15, folder / "tiny_image")
    copytree(f"{sd15}-canny", small / "controlnet_canny")
    copytree(f"{sd15}-seg", small / "controlnet_mask")
    return {
        "generation/weights/tiny_image": str(small),
        "generation/weights/tiny_mask": str(write_sd(folder / "tiny_mask")),
        "stable-diffusion-v1-5/stable-diffusion-v1-5": str(sd15),
        "stabilityai/stable-diffusion-xl-base-1.0": str(sdxl),
        "lllyasviel/sd-controlnet-canny": f"{sd15}-canny",
        "lllyasviel/sd-controlnet-seg": f"{sd15}-seg",
        "xinsir/controlnet-union-sdxl-1.0": f"{sdxl}-union",
        "kxic/zero123-xl": str(write_zero123(folder / "zero123", CCProjection(36, 32))),
        "openai/clip-vit-base-patch32": str(write_clip(folder / "clip")),
        "CIDAS/clipseg-rd64-refined": str(write_clipseg(folder / "clipseg")),
    }


def tiny(
    name: str, models: dict[str, str], folder: Path, root: Path | None = None, *, per_mask: int = 2
) -> list[str]:
    """Return the command of a configuration with these models, few steps and small pictures.

    Args:
        name: Of the configuration.
        models: From `write_models`.
        folder: Of the set.
        root: Of the masks; None: as the configuration says, drawn beside the set.
        per_mask: Drafts of each mask.
    """
    text = (CONFIGS / f"{name}.yaml").read_text()
    for model, place in models.items():
        text = text.replace(f"{model}/", f"{place}/").replace(f"model: {model}", f"model: {place}")
    config: dict[str, Any] = yaml.safe_load(text)
    config["trainer"] |= {"accelerator": "cpu", "default_root_dir": f"{folder}.run"}
    _shrink_model(config["model"]["init_args"], models)
    data = config["data"]["init_args"]
    data |= {"folder": str(folder), "shard_size": 3, "num_workers": 0}
    source = data["source"]["init_args"]
    source |= {"per_mask": per_mask, "size": 32, "cache": None, "splits": {"test": ["DIS-TE1"]}}
    source["root"] = str(folder.with_name("masks") if root is None else root)
    if "source" in source:
        counts = {"DIS-TR": 3, "DIS-VD": 1, "DIS-TE1": 1}
        classes = ["bed", "bench", "gate"]
        source["source"]["init_args"] |= {"size": 48, "counts": counts, "classes": classes}
    path = folder.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(config))
    return ["predict", "--config", str(path)]


def _shrink_model(model: dict[str, Any], models: dict[str, str]) -> None:
    for edit in model["edits"]["init_args"]["edits"].values():
        edit["init_args"]["num_steps"] = 3
        if "MasaCtrl" in edit["class_path"]:
            edit["init_args"] |= {"start_step": 1, "start_layer": 0.5, "guidance": 1.0}
    for chain in model["edits"]["init_args"]["chains"]:
        chain.pop("topology", None)  # random models keep none
    painter = model["painter"]["init_args"]
    painter |= {"size": 32, "sampling": {"steps": 2}}
    if painter["refinement"]:
        painter["refinement"] = {"side": 64, "steps": 2}
    for judge in model["filters"]:
        arguments = judge.setdefault("init_args", {})
        if "ImageText" in judge["class_path"]:
            arguments["min_cosine"] = -1.0
        if "SecondLabeler" in judge["class_path"]:
            net = {**_SEGMENTER, "init_args": {"model": models["CIDAS/clipseg-rd64-refined"]}}
            arguments |= {"min_iou": 0.0, "net": net}
