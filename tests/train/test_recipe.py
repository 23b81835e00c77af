from pathlib import Path

import pytest
from jsonargparse import Namespace

from datamodules.json_value import Json
from train.recipe import recipe_of


def recipe(precision: str = "32-true", **model: object) -> dict[str, Json]:
    source = Namespace(init_args=Namespace(source=Namespace()))
    config = Namespace(model=Namespace(model), data=source)
    return recipe_of(config, precision=precision, image_format="jpg")


def of_model(**model: object) -> Json:
    return recipe(**model)["model"]


def test_precision_and_format_of_the_images_belong_to_the_recipe() -> None:
    assert recipe("bf16-mixed", size=3) == {
        "model": {"size": 3},
        "source": {},
        "precision": "bf16-mixed",
        "image_format": "jpg",
    }


def test_weights_count_by_their_content_wherever_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.pth").write_bytes(b"one")
    Path("b.pth").write_bytes(b"one")
    first = of_model(net={"weights": "a.pth"})
    assert first == of_model(net={"weights": "b.pth"})
    assert first == of_model(net={"weights": str(tmp_path / "a.pth")})
    Path("a.pth").write_bytes(b"two")
    assert first != of_model(net={"weights": "a.pth"})


def test_folder_of_weights_counts_by_the_content_of_all_its_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "unet").mkdir(parents=True)
        (tmp_path / name / "unet" / "model.safetensors").write_bytes(b"weights")
        (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / "two" / ".cache").mkdir()
    (tmp_path / "two" / ".cache" / "model.metadata").write_text("downloaded at noon")
    one, two = tmp_path / "one", tmp_path / "two"
    first = of_model(weights=str(one))
    assert first == of_model(weights=str(two))
    (one / "unet" / "model.safetensors").write_bytes(b"weightz")
    changed = of_model(weights=str(one))
    assert changed != first
    (one / "unet" / "model.safetensors").rename(one / "model.safetensors")
    assert of_model(weights=str(one)) not in (first, changed)


@pytest.mark.parametrize("key", ["model", "adapter"])
def test_model_in_a_folder_beside_counts_by_its_content(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small").mkdir()
    Path("small/model.safetensors").write_bytes(b"weights")
    first = of_model(edit={key: "small"})
    Path("small/model.safetensors").write_bytes(b"weightz")
    assert of_model(edit={key: "small"}) != first


def test_word_that_is_a_files_name_by_chance_stays_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("LICENSE").write_text("free")
    assert of_model(licence="LICENSE") == {"licence": "LICENSE"}


@pytest.mark.parametrize("text", ["a chair and/or a fan, " * 20, "~5/10 of it", "timm/resnet18"])
def test_text_that_is_no_path_stays_as_it_is(text: str) -> None:
    assert of_model(prompt=text) == {"prompt": text}


def test_places_of_photos_are_left_out() -> None:
    assert of_model(root="/photos", cache="/cache", size=3) == {"size": 3}


def test_sets_that_photos_are_taken_from_are_no_part_of_the_recipe(tmp_path: Path) -> None:
    # their pages and lists change; what is taken from them is in the fingerprint of the source
    (tmp_path / "set").mkdir()
    assert of_model(source={"sets": [str(tmp_path / "set")], "size": 3}) == {"source": {"size": 3}}
