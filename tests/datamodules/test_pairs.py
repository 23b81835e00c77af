import pickle
from pathlib import Path

import albumentations
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from datamodules.batch import collate
from datamodules.cache import ResizedCache
from datamodules.decode import DecodeError, start_worker
from datamodules.folder import PairFiles
from datamodules.pairs import Pairs
from datamodules.resize import resize
from datamodules.sample import MaskKind, Provenance, View
from datamodules.transforms import JointTransform

SIZE = (32, 48)
MASK = np.tile(np.linspace(0, 255, 120).astype(np.uint8), (90, 1))
IMAGE = np.stack([MASK, MASK[:, ::-1], MASK[::-1]], axis=2)
FLIP = JointTransform([albumentations.HorizontalFlip(p=1.0)])
CROP = JointTransform([albumentations.RandomCrop(32, 48)])


@pytest.fixture
def files(tmp_path: Path) -> PairFiles:
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    Image.fromarray(MASK).save(tmp_path / "m.png")
    return PairFiles(
        id="set/a",
        image=tmp_path / "a.png",
        mask=tmp_path / "m.png",
        weight=None,
        class_names=("chair",),
    )


def test_training_view_is_the_resized_pair(files: PairFiles) -> None:
    provenance = Provenance(source="dis5k", licence="DIS5K terms")
    view = Pairs([files], size=SIZE, provenance=provenance).training_view(0, 0)
    sample = view.sample
    assert np.array_equal(sample.image.permute(1, 2, 0).numpy(), resize(IMAGE, SIZE))
    assert np.array_equal(sample.mask.numpy(), resize(MASK, SIZE))
    assert (sample.id, sample.class_names, sample.provenance) == ("set/a", ("chair",), provenance)
    assert sample.mask_kind is MaskKind.ALPHA
    assert sample.weight is None
    assert (view.size, view.truth, view.truth_weight) == ((90, 120), None, None)


def test_evaluation_view_keeps_the_truth_at_its_own_size(files: PairFiles) -> None:
    view = Pairs([files], size=SIZE, transform=FLIP).evaluation_view(0)
    assert np.array_equal(view.sample.mask.numpy(), resize(MASK, SIZE))  # not flipped
    assert view.truth is not None
    assert np.array_equal(view.truth.numpy(), MASK)
    assert view.truth_weight is None
    assert view.size == (90, 120)


def test_void_value_becomes_weight_before_any_resizing(files: PairFiles) -> None:
    trimap = np.zeros((90, 120), np.uint8)
    trimap[:, 40:80], trimap[:, 80:] = 128, 255
    Image.fromarray(trimap).save(files.mask)
    pairs = Pairs([files], size=SIZE, void=128)
    view = pairs.evaluation_view(0)
    assert view.truth is not None
    assert view.truth_weight is not None
    assert np.array_equal(view.truth.numpy(), np.where(trimap == 255, 255, 0))
    assert np.array_equal(view.truth_weight.numpy(), np.where(trimap == 128, 0, 255))
    sample = pairs.training_view(0, 0).sample
    assert sample.weight is not None
    assert np.array_equal(sample.weight.numpy(), resize(view.truth_weight.numpy(), SIZE))


def test_mask_of_0_1_and_void_keeps_its_whole_foreground(files: PairFiles) -> None:
    labels = np.zeros((90, 120), np.uint8)
    labels[:, 40:80], labels[:, 80:] = 1, 255
    Image.fromarray(labels).save(files.mask)
    view = Pairs([files], size=SIZE, void=255).evaluation_view(0)
    assert view.truth is not None
    assert view.truth_weight is not None
    assert np.array_equal(view.truth.numpy(), np.where(labels == 1, 255, 0))
    assert np.array_equal(view.truth_weight.numpy(), np.where(labels == 255, 0, 255))


def test_void_pixels_lose_the_weight_of_the_file(files: PairFiles, tmp_path: Path) -> None:
    Image.fromarray(np.full((90, 120), 200, np.uint8)).save(tmp_path / "w.png")
    weighted = PairFiles(
        id="a", image=files.image, mask=files.mask, weight=tmp_path / "w.png", class_names=("x",)
    )
    view = Pairs([weighted], size=SIZE, void=255).evaluation_view(0)
    assert view.truth_weight is not None
    assert np.array_equal(view.truth_weight.numpy(), np.where(MASK == 255, 0, 200))


@pytest.mark.parametrize("transform", [None, FLIP, CROP], ids=["none", "flip", "crop"])
def test_cache_changes_nothing_but_rounding(
    files: PairFiles, tmp_path: Path, transform: JointTransform | None
) -> None:
    cache = ResizedCache(tmp_path / "cache", SIZE)
    plain = Pairs([files], size=SIZE, transform=transform).training_view(0, 4)
    cached = Pairs([files], size=SIZE, transform=transform, cache=cache)
    for _ in range(2):  # made, then read
        view = cached.training_view(0, 4)
        assert view.size == plain.size
        # twice resized: the ramp is a little smoother
        assert (view.sample.mask.int() - plain.sample.mask.int()).abs().max() <= 2
        assert (view.sample.image.int() - plain.sample.image.int()).abs().float().mean() < 4


def test_crop_starts_from_more_pixels_than_it_keeps(files: PairFiles) -> None:
    view = Pairs([files], size=SIZE, transform=CROP).training_view(0, 0)
    working = resize(MASK, (40, 60))
    rows = [working[y : y + 32, x : x + 48] for y in range(9) for x in range(13)]
    assert any(np.array_equal(view.sample.mask.numpy(), window) for window in rows)


@pytest.mark.parametrize(
    ("original", "side", "scale"), [((300, 400), 320, 0.81), ((720, 1280), 1024, 0.77)]
)
def test_crops_of_photos_below_the_training_size_show_the_asked_share(
    tmp_path: Path, original: tuple[int, int], side: int, scale: float
) -> None:
    height, width = original
    across = np.tile(np.linspace(0, 255, width).astype(np.uint8), (height, 1))
    down = np.tile(np.linspace(0, 255, height).astype(np.uint8)[:, None], (1, width))
    Image.fromarray(np.stack([across, down, down], axis=2)).save(tmp_path / "a.png")
    Image.fromarray(across).save(tmp_path / "m.png")
    files = PairFiles(
        id="a", image=tmp_path / "a.png", mask=tmp_path / "m.png", weight=None, class_names=("x",)
    )
    crop = albumentations.RandomResizedCrop((side, side), scale=(scale, scale), ratio=(1, 1))
    pairs = Pairs([files], size=(side, side), transform=JointTransform([crop]))
    images = [pairs.training_view(0, seed).sample.image for seed in range(3)]
    shares = [int(x[channel].max()) - int(x[channel].min()) for x in images for channel in (0, 1)]
    assert shares == pytest.approx([255 * scale**0.5] * 6, abs=3)
    assert len({int(x[0].min()) for x in images}) > 1  # not one place for all


def test_view_depends_on_index_and_seed_alone(files: PairFiles) -> None:
    pairs = Pairs([files, files], size=SIZE, transform=CROP)
    first = pairs.training_view(0, 1).sample.image
    pairs.training_view(1, 2)
    assert torch.equal(pickle.loads(pickle.dumps(pairs)).training_view(0, 1).sample.image, first)
    assert any(not torch.equal(pairs.training_view(0, s).sample.image, first) for s in range(2, 6))


def test_photo_and_mask_of_different_size_is_an_error(files: PairFiles) -> None:
    Image.fromarray(MASK[:-1]).save(files.mask)
    with pytest.raises(DecodeError, match=r"m\.png: size \(89, 120\)"):
        Pairs([files], size=SIZE).training_view(0, 0)


@pytest.mark.parametrize(("size", "void"), [((16, 16), None), (SIZE, 7)])
def test_cache_for_another_purpose_is_refused(
    files: PairFiles, tmp_path: Path, size: tuple[int, int], void: int | None
) -> None:
    with pytest.raises(ValueError, match="cache was made for"):
        Pairs([files], size=SIZE, cache=ResizedCache(tmp_path, size, void=void))


def test_photo_of_one_pixel_becomes_a_view(files: PairFiles) -> None:
    Image.fromarray(IMAGE[:1, :1]).save(files.image)
    Image.fromarray(np.full((1, 1), 255, np.uint8)).save(files.mask)
    view = Pairs([files], size=SIZE, transform=FLIP).training_view(0, 0)
    assert view.sample.mask.unique().tolist() == [255]


class TrainingViews(Dataset[View]):
    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> View:
        return self.pairs.training_view(index, index)


@pytest.mark.slow
def test_spawned_workers_fill_one_cache_and_give_the_same_batches(
    files: PairFiles, tmp_path: Path
) -> None:
    pairs = Pairs([files] * 4, size=SIZE, transform=CROP, cache=ResizedCache(tmp_path / "c", SIZE))
    loader = DataLoader(
        TrainingViews(pairs),
        batch_size=2,
        num_workers=2,
        collate_fn=collate,
        worker_init_fn=start_worker,
        multiprocessing_context="spawn",
    )
    pairs.training_view(0, 0)
    images = torch.cat([batch.image for batch in loader])
    expected = torch.stack([pairs.training_view(i, i).sample.image for i in range(4)])
    assert torch.equal(images, expected)
