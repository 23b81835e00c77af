from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from datamodules.dis5k import Splits
from datamodules.problems import DatasetError
from datamodules.sample import Sample
from datamodules.synthesis import DrawOther, SynthesisError
from generation.draft_sources.procedural import ProceduralDrafts
from generation.draft_sources.warped import WarpedDrafts
from generation.edits.diffeomorphism import Diffeomorphism
from generation.edits.view_change import ViewChange
from generation.filters.topology import KeptTopology
from generation.pair_synthesis import Chain, EditedPairs
from generation.procedural import ProceduralScenes

SPLITS = Splits(test=("DIS-TE1",))
BENT = EditedPairs([Chain(edits=[Diffeomorphism()])])


class Emptied:
    """Takes the object away, and whatever else a test wants of it."""

    def __init__(self, parents: tuple[str, ...] | None = None, *, other: bool = False) -> None:
        self.parents = parents
        self.other = other

    def synthesise(self, sample: Sample, seed: int, draw_other: DrawOther) -> Sample:
        parents = (sample.id,) if self.parents is None else self.parents
        if self.other:
            parents = (sample.id, draw_other(seed).id)
        provenance = replace(sample.provenance, parents=parents)
        return replace(sample, mask=torch.zeros_like(sample.mask), provenance=provenance)


def warped(root: Path, synthesis: object = BENT, **arguments: object) -> WarpedDrafts:
    options = {"splits": SPLITS, "cache": None, "per_photo": 2, "size": 32, **arguments}
    drafts = WarpedDrafts(root, synthesis, **options)  # type: ignore[arg-type]
    drafts.prepare()
    return drafts


def test_scene_follows_from_the_seed_and_its_name_from_the_key() -> None:
    drafts = ProceduralDrafts(ProceduralScenes(size=32, classes=["chair", "fan"]), number=3)
    keys = drafts.keys()
    assert [key.rpartition("_")[0].rpartition("#")[2] for key in keys] == [
        "chair_train", "fan_train", "chair_train",
    ]  # fmt: skip
    one, again, other = (drafts.draft(keys[1], seed) for seed in (1, 1, 2))
    assert one.id == keys[1].rpartition("~")[0]
    assert one.class_names == ("fan",)
    assert torch.equal(one.image, again.image)
    assert not torch.equal(one.image, other.image)


def test_scene_has_its_counterfactual_where_asked() -> None:
    scenes = ProceduralScenes(size=32, classes=["chair"])
    drafts = ProceduralDrafts(scenes, number=1, counterfactual=True)
    assert drafts.draft(drafts.keys()[0], 0).counterfactual is not None


def test_each_photo_comes_once_before_any_comes_again(tiny_set: Path) -> None:
    keys = warped(tiny_set).keys()
    assert len(keys) == len(set(keys)) == 18
    assert len({key.rpartition("~")[0] for key in keys[:9]}) == 9
    assert all(key.startswith("DIS-TR/") for key in keys)


def test_draft_is_an_edit_that_follows_from_key_and_seed(tiny_set: Path) -> None:
    drafts = warped(tiny_set, licence="CC0-1.0")
    key = drafts.keys()[4]
    one, again, other = (drafts.draft(key, seed) for seed in (1, 1, 2))
    assert torch.equal(one.mask, again.mask)
    assert not torch.equal(one.mask, other.mask)
    assert one.provenance.parents == (key.rpartition("~")[0],)
    assert one.provenance.licence == "CC0-1.0"
    assert one.provenance.edits == ("diffeo(0.05,0.4)",)
    assert tuple(one.mask.shape) == (27, 32)  # of 40x48, the longest side cut to 32


def test_camera_that_was_drawn_is_kept(tiny_set: Path) -> None:
    drafts = warped(tiny_set, EditedPairs([Chain(edits=[ViewChange(), Diffeomorphism()])]))
    view, bend = drafts.draft(drafts.keys()[0], 3).provenance.edits
    assert view.startswith("view(azimuth=")
    assert bend.startswith("diffeo(")


def test_other_photos_are_training_photos(tiny_set: Path) -> None:
    drafts = warped(tiny_set, Emptied(other=True))
    first = drafts.keys()[0]
    parents = {drafts.draft(first, seed).provenance.parents for seed in range(20)}
    others = {other for _, other in parents}
    assert len(others) > 3
    assert first.rpartition("~")[0] not in others
    assert all(other.startswith("DIS-TR/") for other in others)


def test_synthesis_from_other_than_training_photos_is_refused(tiny_set: Path) -> None:
    for parents in ((), ("DIS-VD/x",)):
        drafts = warped(tiny_set, Emptied(parents))
        with pytest.raises(DatasetError, match="only training pairs"):
            drafts.draft(drafts.keys()[0], 0)


def test_training_folder_that_is_the_test_too_is_refused(tiny_set: Path, tmp_path: Path) -> None:
    (tmp_path / "DIS-TR").symlink_to(tiny_set / "DIS-TR")
    (tmp_path / "DIS-TE1").symlink_to(tiny_set / "DIS-TR")
    with pytest.raises(DatasetError, match="would be made of an evaluated photo"):
        warped(tmp_path)


def test_lost_topology_is_a_failure_with_its_reason(tiny_set: Path) -> None:
    drafts = warped(tiny_set, Emptied(), topology=KeptTopology())
    with pytest.raises(SynthesisError, match="KeptTopology: 0 parts for the source's 1"):
        drafts.draft(drafts.keys()[0], 0)


def copied(source: Path, target: Path) -> Path:
    for file in source.rglob("*.*"):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    return target


def test_fingerprint_is_of_the_photos_not_of_their_place(tiny_set: Path, tmp_path: Path) -> None:
    one, two = (copied(tiny_set, tmp_path / name) for name in ("one", "two"))
    assert warped(one).fingerprint() == warped(two).fingerprint()
    photo = next((two / "DIS-TR" / "im").iterdir())
    pixels = np.zeros((40, 48, 3), np.uint8)
    assert cv2.imwrite(str(photo), pixels)
    assert warped(one).fingerprint() != warped(two).fingerprint()


@pytest.mark.parametrize("folder", ["im", "gt"])
def test_fingerprint_sees_a_change_that_keeps_the_size(
    tiny_set: Path, tmp_path: Path, folder: str
) -> None:
    root, cache = copied(tiny_set, tmp_path / "set"), tmp_path / "cache"
    before = warped(root, cache=cache).fingerprint()
    assert warped(root, cache=cache).fingerprint() == before
    path = next((root / "DIS-TR" / folder).iterdir())
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    is_encoded, data = cv2.imencode(path.suffix, 255 - pixels)
    assert is_encoded
    size = max(path.stat().st_size, len(data))
    path.write_bytes(path.read_bytes().ljust(size, b"\0"))  # readers pass over what comes after
    padded = warped(root, cache=cache).fingerprint()
    path.write_bytes(data.tobytes().ljust(size, b"\0"))
    assert warped(root, cache=cache).fingerprint() not in (before, padded)


def test_fingerprint_sees_weights(tiny_set: Path, tmp_path: Path) -> None:
    root = copied(tiny_set, tmp_path / "set")
    for mask in list(root.glob("*/gt/*")):
        weight = mask.parents[1] / "weights" / mask.name
        weight.parent.mkdir(exist_ok=True)
        weight.write_bytes(mask.read_bytes())
    splits = Splits(test=("DIS-TE1",), weights="weights")
    before = warped(root, splits=splits).fingerprint()
    assert before != warped(root).fingerprint()
    weight = next((root / "DIS-TR" / "weights").iterdir())
    weight.write_bytes(weight.read_bytes() + b"\0")
    assert warped(root, splits=splits).fingerprint() != before


def test_useless_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="per_photo 0"):
        WarpedDrafts(tmp_path, BENT, per_photo=0)
    with pytest.raises(ValueError, match="number of scenes is 0"):
        ProceduralDrafts(ProceduralScenes(size=32), number=0)
