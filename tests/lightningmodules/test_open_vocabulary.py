"""A segmenter of colours scored from files to numbers."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn

from datamodules.labelled_photos import LabelledPhotos
from datamodules.voc import PascalVOC, VOCFolder
from lightningmodules.evaluation_protocol import EvaluationProtocol
from lightningmodules.label_decision import SigmoidDecision, SoftmaxDecision
from lightningmodules.open_vocabulary import OpenVocabularyTest
from networks.clip_model import small_clip
from networks.clip_training_free import CorrelativeAttention, TrainingFreeClip
from tests.datamodules.labelled_data import labels_of, write_voc


class RedLevels(nn.Module):
    """Knows label k by its red level 37 k, as the photos are drawn; its scores are logits."""

    def __init__(self, *, inside: float = 0.9, outside: float = 0.1) -> None:
        super().__init__()
        self.clip = small_clip(width=32, num_layers=1, patch_size=8, image_size=16, dim=32)
        self.levels = torch.tensor([inside, outside]).logit().tolist()

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        labels = torch.arange(1, len(text) + 1).view(1, -1, 1, 1)
        is_label = (image[:, :1] * 255 / 37).round() == labels
        return torch.where(is_label, *self.levels)


class UnevenLevels(RedLevels):
    """Gives each name a lower score than the one before, so that one is always the best."""

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        return super().forward(image, text) - 0.1 * torch.arange(len(text)).view(1, -1, 1, 1)


def protocol(name: str = "plain", **arguments: object) -> EvaluationProtocol:
    defaults: dict[str, object] = {
        "decision": SigmoidDecision(),
        "templates": ("{}",),
        "short_side": 24,
        "window": 16,
        "stride": 12,
    }
    return EvaluationProtocol(name=name, **{**defaults, **arguments})  # type: ignore[arg-type]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    maps = {"a": labels_of(0, 1, 2, size=(24, 30)), "b": labels_of(3, 0, 255, size=(36, 24))}
    write_voc(tmp_path, maps, suffix=".png")
    train = {f"t{k}": labels_of(0, k + 1, 0, size=(24, 24)) for k in range(5)}
    return write_voc(tmp_path, train, split="train", suffix=".png")


def scored(model: OpenVocabularyTest, data: LabelledPhotos, folder: Path) -> dict[str, float]:
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=folder,
    )
    (logged,) = trainer.test(model, datamodule=data, verbose=False)
    return dict(logged)


def photos(root: Path, *, background: bool = True) -> LabelledPhotos:
    return LabelledPhotos(
        train=PascalVOC(root, "train", background=background),
        test=PascalVOC(root, background=background),
        num_workers=0,
    )


def test_a_segmenter_that_knows_all_labels_scores_one(root: Path, tmp_path: Path) -> None:
    model = OpenVocabularyTest(RedLevels(), [protocol(short_side=24)])
    logged = scored(model, photos(root), tmp_path)
    # photo b is brought from 36 x 24 to 36 x 24, a stays: nothing is interpolated
    assert {key: value for key, value in logged.items() if value != 1} == {}
    assert logged.keys() >= {"test/plain/mean_iou", "test/plain/mean_boundary_iou"}
    results = model.results["plain"]
    assert results["num_images"].nonzero().flatten().tolist() == [0, 1, 2, 3]
    assert results["iou"][:4].tolist() == [1, 1, 1, 1]
    assert results["iou"][4:].isnan().all()


def test_each_protocol_has_its_own_row(root: Path, tmp_path: Path) -> None:
    protocols = [protocol(), protocol("never", decision=SigmoidDecision(threshold=0.95))]
    logged = scored(OpenVocabularyTest(RedLevels(), protocols), photos(root), tmp_path)
    assert logged["test/plain/mean_iou"] == 1
    assert logged["test/never/mean_iou"] == pytest.approx(logged["test/never/pixel_accuracy"] / 4)


def test_thresholds_are_chosen_on_training_photos(root: Path, tmp_path: Path) -> None:
    net = RedLevels(inside=0.83, outside=0.61)  # .5 finds no background at all
    model = OpenVocabularyTest(net, [protocol(calibrate_on=4)])
    assert scored(model, photos(root), tmp_path)["test/plain/mean_iou"] == 1
    assert 0.61 <= float(model.results["plain"]["threshold"]) < 0.83
    wrong = scored(OpenVocabularyTest(net, [protocol()]), photos(root), tmp_path)
    assert wrong["test/plain/mean_iou"] < 0.8


@pytest.mark.parametrize(
    ("train", "named"),
    [
        (VOCFolder, "labels background, skin, hair, hat, ... .4 with background."),
        (PascalVOC, "labels background, aeroplane, .* .21 without background."),
    ],
)
def test_thresholds_are_not_chosen_on_other_labels(
    train: type[VOCFolder], named: str, root: Path, tmp_path: Path
) -> None:
    (root / "classes.txt").write_text("background\nskin\nhair\nhat\n")
    data = LabelledPhotos(
        train=train(root, "train", background=train is VOCFolder),
        test=PascalVOC(root),
        num_workers=0,
    )
    model = OpenVocabularyTest(RedLevels(), [protocol(calibrate_on=4)])
    with pytest.raises(ValueError, match=f"cannot be chosen on .*{named}"):
        scored(model, data, tmp_path)


def test_logits_need_another_decision_than_cosines(root: Path, tmp_path: Path) -> None:
    # where there is background one name is the best of many bad ones, which a softmax cannot tell
    net, cosines = UnevenLevels(), SoftmaxDecision(threshold=0.1, scale=65.0)
    of_cosines = OpenVocabularyTest(net, [protocol(decision=cosines)])
    assert scored(of_cosines, photos(root), tmp_path)["test/plain/mean_iou"] < 0.8
    given = protocol(decision=cosines)
    model = OpenVocabularyTest(net, [given], decision=SigmoidDecision(), calibrate_on=4)
    assert scored(model, photos(root), tmp_path)["test/plain/mean_iou"] == 1
    assert "SigmoidDecision" in model.descriptions["plain"]
    assert "threshold from 4 training photos" in model.descriptions["plain"]
    assert (given.decision, given.calibrate_on) == (cosines, 0)


def test_a_threshold_is_not_chosen_without_its_decision() -> None:
    with pytest.raises(ValueError, match="calibrate_on is 4 without a decision"):
        OpenVocabularyTest(RedLevels(), [protocol()], calibrate_on=4)


def test_without_background_every_pixel_is_a_class(root: Path, tmp_path: Path) -> None:
    net = RedLevels(inside=0.3, outside=0.1)
    model = OpenVocabularyTest(net, [protocol(calibrate_on=2)])
    logged = scored(model, photos(root, background=False), tmp_path)
    assert logged["test/plain/mean_iou"] == 1


def test_clip_without_training_is_scored_the_same_way(root: Path, tmp_path: Path) -> None:
    clip = small_clip(width=32, num_layers=1, patch_size=8, image_size=16, dim=32, text_layers=1)
    net = TrainingFreeClip(clip, CorrelativeAttention())
    both = [
        protocol("plain", decision=SoftmaxDecision(threshold=0.0)),
        protocol("small ones dropped", decision=SoftmaxDecision(threshold=0.0, least_share=0.3)),
    ]
    logged = scored(OpenVocabularyTest(net, both), photos(root), tmp_path)
    assert all(0 <= value <= 1 for value in logged.values())


def test_a_reader_with_names_of_its_own_is_scored(root: Path, tmp_path: Path) -> None:
    (root / "classes.txt").write_text("background\nskin\nhair\nhat\n")
    data = LabelledPhotos(test=VOCFolder(root, "val"), num_workers=0)
    model = OpenVocabularyTest(RedLevels(), [protocol()])
    assert scored(model, data, tmp_path)["test/plain/mean_iou"] == 1


@pytest.mark.parametrize("names", [[], ["a", "a"]])
def test_protocols_need_names_of_their_own(names: list[str]) -> None:
    with pytest.raises(ValueError, match="give one or more, each its own name"):
        OpenVocabularyTest(RedLevels(), [protocol(name) for name in names])
