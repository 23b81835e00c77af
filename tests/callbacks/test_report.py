"""The report of a real, tiny test run."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Set
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from py_sod_metrics import MAE, FmeasureV2
from py_sod_metrics.fmeasurev2 import FmeasureHandler
from torch import Tensor, nn
from torch.utils.data import DataLoader

from callbacks import report_files
from callbacks.compare_runs import read_report
from callbacks.report import Report
from datamodules.batch import Batch, collate
from datamodules.sample import MaskKind, Provenance, Sample, View
from metrics.dis import DISMetrics
from metrics.measures import ALL_MEASURES, MEASURES, OF_THE_SET, PIXELWISE
from metrics.scores import Evaluated, image_scores
from metrics.shape import shape_of

pytestmark = pytest.mark.filterwarnings("ignore:The 'test_dataloader' does not have many workers")

IDS = ("TE1/3#Chair#7", "TE1/b", "TE2/<i>&", "TE2/d#1", "TE2/deep/e")
FILES = {
    "index.html",
    "metrics.json",
    "priors.json",
    "per_image.csv",
    "curves.npz",
    "precision_recall.png",
    "f_curve.png",
    "e_curve.png",
    "worst.png",
    "median.png",
    "best.png",
}


@dataclass
class Finding:
    kind: str
    id: str
    path: str
    message: str
    cure: str


class Blobs(LightningDataModule):
    """Non-square truths of several sizes; the network sees 24 x 24."""

    def __init__(self, ids: tuple[str, ...] = IDS, *, labelled: bool = True) -> None:
        super().__init__()
        self.ids = ids
        self.labelled = labelled

    def view(self, index: int) -> View:
        noise = torch.Generator().manual_seed(index)
        size = (30 + 7 * index, 71 - 9 * index)
        truth = torch.zeros(size, dtype=torch.uint8)
        truth[4 : 12 + index, 5 : 20 + index] = 255
        sample = Sample(
            id=self.ids[index],
            image=torch.randint(0, 256, (3, 24, 24), dtype=torch.uint8, generator=noise),
            mask=torch.zeros(24, 24, dtype=torch.uint8),
            mask_kind=MaskKind.ALPHA,
            class_names=("chair",),
            provenance=Provenance(source="test"),
        )
        weight = torch.full(size, 255, dtype=torch.uint8)
        weight[:2] = 0
        return View(
            sample=sample,
            size=size,
            truth=truth if self.labelled else None,
            truth_weight=weight if index == 1 else None,
        )

    def test_dataloader(self) -> DataLoader[int]:
        return DataLoader(
            range(len(self.ids)),
            batch_size=2,
            collate_fn=lambda indices: collate([self.view(index) for index in indices]),
        )

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        return batch.to_float()


class CheckedBlobs(Blobs):
    @property
    def problems(self) -> list[Finding]:
        return [Finding("empty mask", "x&y", "gt/x.png", "nothing above 128", "draw it")]

    def mean_mask(self) -> Tensor:
        return torch.eye(8)


class MasksAlone(Blobs):
    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        return replace(batch.to_float(), image=torch.zeros(len(batch), 3, 0, 0))


class Guess(LightningModule):
    """Draws a noisy version of the truth, the same for each id."""

    def __init__(self, measures: Set[str] = ALL_MEASURES) -> None:
        super().__init__()
        self.unused = nn.Linear(1, 1)
        self.metrics = DISMetrics(measures)
        self.seen: list[tuple[Tensor, Tensor, Tensor | None]] = []

    def test_step(self, batch: Batch, batch_idx: int) -> Evaluated:
        maps = []
        for id, truth in zip(batch.id, batch.truth, strict=True):
            assert truth is not None
            noise = torch.Generator().manual_seed(len(id))
            drawn = torch.rand(truth.shape, generator=noise) * 130 + truth * 0.4
            maps.append(drawn.to(torch.uint8))
        truths = [truth for truth in batch.truth if truth is not None]
        self.metrics.update(maps, truths, batch.truth_weight)
        self.seen += zip(maps, truths, batch.truth_weight, strict=True)
        return Evaluated(maps=maps, scores=self.metrics.latest)


def run(
    folder: Path,
    data: LightningDataModule | None = None,
    measures: Set[str] = ALL_MEASURES,
    **options: object,
) -> Guess:
    model = Guess(measures)
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        default_root_dir=folder,
        callbacks=[Report(**options)],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.test(model, data or Blobs(), verbose=False)
    return model


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Guess]:
    root = tmp_path_factory.mktemp("run")
    before = root / "before.json"
    before.write_text('{"all": {"mae": 0.5, "max_f": 0.25, "mean_f": 0.125, "adaptive_f": 0.75}}')
    beside = {"the [run] before": str(before)}
    model = run(root / "now", CheckedBlobs(), beside=beside, num_examples=2)
    return root / "now" / "report", model


def test_every_file_is_written_and_nothing_else(finished: tuple[Path, Guess]) -> None:
    report, _ = finished
    assert {path.name for path in report.iterdir()} == FILES
    assert [path.name for path in report.parent.iterdir()] == ["report"]


def test_metrics_equal_pysodmetrics_on_the_same_maps(finished: tuple[Path, Guess]) -> None:
    report, model = finished
    mae, f = (
        MAE(),
        FmeasureV2({"f": FmeasureHandler(beta=0.3, with_dynamic=True, with_adaptive=True)}),
    )
    for prediction, truth, weight in model.seen:
        scored = prediction if weight is None else torch.where(weight == 0, truth, prediction)
        mae.step(scored.numpy(), truth.numpy())
        f.step(scored.numpy(), truth.numpy())
    curve = f.get_results()["f"]["dynamic"]
    expected = {
        "mae": mae.get_results()["mae"],
        "max_f": curve.max(),
        "mean_f": curve.mean(),
        "adaptive_f": f.get_results()["f"]["adaptive"],
    }
    values = json.loads((report / "metrics.json").read_text())["all"]
    assert {key: values[key] for key in expected} == pytest.approx(expected, abs=1e-9)


def test_metrics_are_the_digits_that_were_logged(finished: tuple[Path, Guess]) -> None:
    report, model = finished
    logged = {key: float(value) for key, value in model.metrics.compute().items()}
    assert json.loads((report / "metrics.json").read_text())["all"] == logged


def test_subsets_are_the_folders_of_the_ids(finished: tuple[Path, Guess]) -> None:
    report, _ = finished
    assert list(json.loads((report / "metrics.json").read_text())) == [
        "all", "TE1", "TE2", "TE2/deep"
    ]  # fmt: skip


def test_every_score_of_an_image_is_in_the_table_and_the_curves(
    finished: tuple[Path, Guess],
) -> None:
    report, model = finished
    with (report / "per_image.csv").open(newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    with np.load(report / "curves.npz") as curves:
        place = {str(id): i for i, id in enumerate(curves["id"])}
        for id, (prediction, truth, weight) in zip(IDS, model.seen, strict=True):
            scores = image_scores(prediction, truth, weight)
            shape = shape_of((truth > 128).numpy())
            expected = scores.values | asdict(shape)
            assert {key: float(rows[id][key]) for key in expected} == pytest.approx(expected)
            for name in ("f", "e", "precision", "recall"):
                np.testing.assert_array_equal(curves[name][place[id]], scores.curves[name])
        values = json.loads((report / "metrics.json").read_text())["all"]
        assert curves["f"].mean(0).max() == pytest.approx(values["max_f"], abs=1e-9)
        assert curves["e"].mean(0).max() == pytest.approx(values["max_e"], abs=1e-9)


def test_metrics_hold_every_measure_in_the_order_of_all_files(
    finished: tuple[Path, Guess],
) -> None:
    values = json.loads((finished[0] / "metrics.json").read_text())
    assert all(list(of) == [m.key for m in MEASURES] for of in values.values())


def test_comparison_reads_the_report(finished: tuple[Path, Guess]) -> None:
    read = read_report(finished[0].parent)
    assert set(read.row_of) == set(IDS)
    assert read.values.keys() == {m.key for m in MEASURES} - OF_THE_SET.keys()
    assert {"f", "e"} <= read.curve_names


def test_other_definitions_are_written_when_asked_for(tmp_path: Path) -> None:
    run(tmp_path, Blobs(("TE1/a", "TE1/b", "TE2/c")), variants=True)
    variants = json.loads((tmp_path / "report" / "variants.json").read_text())
    with np.load(tmp_path / "report" / "curves.npz") as curves:
        assert variants["all"]["mean_of_max_f"] == pytest.approx(curves["f"].max(1).mean())
        p, r = curves["precision"].mean(0), curves["recall"].mean(0)
        of_means = np.divide(1.3 * p * r, 0.3 * p + r, out=np.zeros(256), where=p * r > 0)
        expected = of_means.max()
    assert variants["all"]["max_f_of_mean_precision_and_recall"] == pytest.approx(expected)
    assert list(variants) == ["all", "TE1", "TE2"]


def test_masks_without_photos_are_reported_all_the_same(tmp_path: Path) -> None:
    run(tmp_path, MasksAlone(("one",)))
    page = (tmp_path / "report" / "index.html").read_text()
    assert 'alt="error"' in page
    assert 'alt="photo"' not in page


def test_pixelwise_measures_alone_make_a_report(tmp_path: Path) -> None:
    run(tmp_path, Blobs(("one",)), measures=PIXELWISE)
    values = json.loads((tmp_path / "report" / "metrics.json").read_text())["all"]
    assert values.keys() == PIXELWISE
    header = (tmp_path / "report" / "per_image.csv").read_text().splitlines()[0].split(",")
    assert set(header) & {"hce", "holes", "mba", "max_f"} == set()


def test_the_page_loads_nothing_and_runs_no_script(finished: tuple[Path, Guess]) -> None:
    page = (finished[0] / "index.html").read_text()
    sources = re.findall(r"(?:src|srcset|href)\s*=\s*\"([^\"]{0,20})", page)
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    assert not re.search(r"<script|<link|@import|url\(", page)


def test_the_page_escapes_ids_and_shows_findings(finished: tuple[Path, Guess]) -> None:
    page = (finished[0] / "index.html").read_text()
    for text in ("TE2/&lt;i&gt;&amp;", "TE1/3#Chair#7", "x&amp;y", "nothing above 128"):
        assert text in page
    assert "<i>" not in page


def test_priors_and_earlier_runs_stand_beside_the_result(finished: tuple[Path, Guess]) -> None:
    page = (finished[0] / "index.html").read_text()
    assert "the [run] before" in page
    assert "as high or higher" not in page
    priors = json.loads((finished[0] / "priors.json").read_text())
    assert set(priors) == {"mean-mask prior", "centre prior"}
    for name, values in priors.items():
        assert name in page
        assert f"{values['all']['max_f']:.3f}" in page


def test_rows_are_sorted_and_hold_one_image_each(finished: tuple[Path, Guess]) -> None:
    with (finished[0] / "per_image.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == sorted(IDS)
    values = json.loads((finished[0] / "metrics.json").read_text())["all"]
    assert np.mean([float(row["mae"]) for row in rows]) == pytest.approx(values["mae"], abs=1e-9)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    root = tmp_path_factory.mktemp("plain")
    (root / "report").mkdir()
    (root / "report" / "stale.png").touch()
    with redirect_stdout(StringIO()) as printed:
        run(root, Blobs(("one",)))
    return root / "report", printed.getvalue()


def test_the_result_is_printed_with_the_path(plain: tuple[Path, str]) -> None:
    report, printed = plain
    assert str(report / "index.html") in printed
    assert "centre prior" in printed


def test_a_data_module_without_a_check_still_gets_a_report(plain: tuple[Path, str]) -> None:
    assert set(json.loads((plain[0] / "priors.json").read_text())) == {"centre prior"}


def test_the_six_numbers_of_the_literature_are_printed(plain: tuple[Path, str]) -> None:
    titles = ("max F", "weighted F", "MAE", "S", "mean E", "HCE")
    heading = next(line for line in plain[1].splitlines() if "MAE" in line)
    places = [heading.index(title) for title in titles]
    assert places == sorted(places)


def test_ids_without_a_folder_give_no_subset(plain: tuple[Path, str]) -> None:
    assert list(json.loads((plain[0] / "metrics.json").read_text())) == ["all"]


def test_a_new_report_replaces_the_whole_folder(plain: tuple[Path, str]) -> None:
    assert {path.name for path in plain[0].iterdir()} == FILES - {"median.png", "best.png"}


def test_an_image_that_is_tested_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'b' was tested twice"):
        run(tmp_path, Blobs(("a", "b", "b")))


def test_an_image_without_truth_is_refused() -> None:
    batch = collate([Blobs(("a",), labelled=False).view(0)])
    outputs = Evaluated(maps=[batch.mask[0]], scores=[])
    with pytest.raises(ValueError, match="'a' has no truth"):
        Report().on_test_batch_end(Trainer(logger=False), Guess(), outputs, batch, 0)


def test_a_test_step_that_returns_something_else_is_refused() -> None:
    batch = collate([Blobs(("a",)).view(0)])
    with pytest.raises(TypeError, match="got Batch and NoneType"):
        Report().on_test_batch_end(Trainer(logger=False), Guess(), None, batch, 0)


def test_a_folder_called_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rename its folder"):
        run(tmp_path, Blobs(("all/a",)))


@pytest.mark.parametrize(
    "text", [None, "{", "[]", '{"all": {"mae": "low"}}', '{"all": {"loss": 1}}']
)
def test_an_unusable_file_beside_is_refused_before_the_test(
    tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "metrics.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ValueError, match=r"metrics\.json"):
        Report({"other": str(file)}).setup(Trainer(logger=False), Guess(), "test")


def test_a_failed_write_leaves_the_old_report_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "index.html").write_text("old")

    def full(*_: object) -> str:
        raise OSError("no space left on device")

    monkeypatch.setattr(report_files, "page", full)
    with pytest.raises(OSError, match="no space"):
        run(tmp_path, Blobs(("other",)))
    assert (tmp_path / "report" / "index.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


RANKS = """
import sys
sys.path[:0] = sys.argv[1:3]
from pathlib import Path
import test_report as t
from torch.utils.data import Subset
class Share(t.Blobs):
    def test_dataloader(self):
        whole = super().test_dataloader()
        mine = range(self.trainer.global_rank, len(self.ids), self.trainer.world_size)
        return t.DataLoader(Subset(whole.dataset, mine), batch_size=1, collate_fn=whole.collate_fn)
t.Trainer(accelerator="cpu", devices=2, strategy="ddp", logger=False, use_distributed_sampler=False,
          default_root_dir=sys.argv[3], callbacks=[t.Report()], enable_progress_bar=False,
          enable_model_summary=False).test(t.Guess(), Share(), verbose=False)
"""


@pytest.mark.slow
def test_two_processes_write_the_numbers_of_one(tmp_path: Path) -> None:
    here = Path(__file__)
    script = tmp_path / "ranks.py"  # a file: Lightning starts the second process by its name
    script.write_text(RANKS)
    subprocess.run(
        [sys.executable, script, str(here.parents[2]), str(here.parent), str(tmp_path / "two")],
        check=True,
        timeout=180,
        capture_output=True,
    )
    run(tmp_path / "one")
    for name in ("metrics.json", "priors.json", "per_image.csv"):
        one, two = (tmp_path / run / "report" / name for run in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
