"""What the configurations of open-vocabulary segmentation say, without running them."""

from pathlib import Path
from typing import Any

import albumentations
import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

CONFIGS = Path(__file__).parents[2] / "configs"
ON_GPUS = ("magicseg.yaml", "published.yaml")


def model_of(name: str) -> dict[str, Any]:
    content = yaml.safe_load((CONFIGS / name).read_text())
    arguments: dict[str, Any] = content["model"]["init_args"]
    return arguments


def distorted(name: str, image: NDArray[np.uint8], number: int = 300) -> NDArray[np.uint8]:
    """Return an image changed by the colour transforms of a configuration, each time anew."""
    content = yaml.safe_load((CONFIGS / "clip_seg" / name).read_text())
    transforms = [
        getattr(albumentations, one["class_path"].rpartition(".")[2])(**one["init_args"])
        for one in content["data"]["init_args"]["transforms"]
        if one["class_path"].endswith(("ColorJitter", "RandomBrightnessContrast"))
    ]
    change = albumentations.Compose(transforms, seed=0)
    return np.stack([change(image=image)["image"] for _ in range(number)])


@pytest.mark.parametrize("name", ON_GPUS)
def test_a_red_object_is_not_made_green_or_blue(name: str) -> None:
    red = np.full((2, 2, 3), (200, 40, 40), np.uint8)
    pixels = distorted(name, red)[:, :1, 0]
    hue = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)[..., 0].astype(int)  # of 180
    assert 10 < np.minimum(hue, 180 - hue).max() <= 19


@pytest.mark.parametrize("name", ON_GPUS)
def test_colours_change_as_much_as_in_mmsegmentation(name: str) -> None:
    grey = np.full((2, 2, 3), 100, np.uint8)  # has no saturation and no hue
    levels = distorted(name, grey)[:, 0, 0, 0].astype(int)
    assert 100 / 2 - 32 <= levels.min() < 60  # half of it, less 32
    assert 140 < levels.max() <= 100 * 1.5 + 32 * 1.5


def test_the_published_rate_falls_from_the_first_step_on() -> None:
    assert model_of("clip_seg/published.yaml")["schedule"]["init_args"]["from_start"]


def test_a_network_of_logits_is_not_decided_as_cosines_are() -> None:
    for path in (CONFIGS / "open_vocabulary").glob("*.yaml"):
        model = model_of(f"open_vocabulary/{path.name}")
        if model.get("net", {}).get("class_path") != "networks.clip_seg.ClipSeg":
            continue
        for protocol in model["protocols"]:
            decision = protocol["init_args"]["decision"]["class_path"]
            assert decision.endswith(".SigmoidDecision")
    assert model_of("open_vocabulary/clip_seg.yaml")["decision"]["class_path"].endswith(
        ".SigmoidDecision"
    )


def test_small_classes_are_dropped_by_sclip_on_voc_alone() -> None:
    rows = [
        (path.stem, protocol)
        for path in (CONFIGS / "open_vocabulary").glob("**/*.yaml")
        for protocol in model_of(str(path.relative_to(CONFIGS))).get("protocols", [])
    ]
    dropping = {
        (stem, protocol["class_path"].rpartition(".")[2])
        for stem, protocol in rows
        if protocol["init_args"]["decision"].get("init_args", {}).get("least_share")
    }
    assert dropping == {("training_free", "SCLIPProtocol")}


@pytest.mark.parametrize(
    ("name", "scale", "short_side"),
    [("voc20", 40, 336), ("context59", 40, 336), ("context60", 50, 336), ("coco_object", 50, 336),
     ("coco_stuff", 40, 448)],
)  # fmt: skip
def test_scales_and_sizes_are_those_of_sclip(name: str, scale: float, short_side: int) -> None:
    first = model_of(f"open_vocabulary/sets/{name}.yaml")["protocols"][0]["init_args"]
    assert (first["decision"]["init_args"]["scale"], first["short_side"]) == (scale, short_side)


@pytest.mark.parametrize("path", sorted((CONFIGS / "open_vocabulary" / "sets").glob("*.yaml")))
def test_a_set_leaves_nothing_of_the_protocols_below_it(path: Path) -> None:
    # the arguments of two lists are joined place by place, whatever stands in the places
    for protocol in model_of(str(path.relative_to(CONFIGS)))["protocols"]:
        given = {"name", "calibrate_on", "decision"}
        if protocol["class_path"].endswith("SCLIPProtocol"):
            given |= {"vocabulary", "background", "short_side"}
        assert protocol["init_args"].keys() == given
        decision = protocol["init_args"]["decision"]["init_args"]
        assert decision.keys() == {"threshold", "scale", "least_share"}
