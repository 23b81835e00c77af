"""The files of a report of a real, tiny test run."""

import csv
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from py_sod_metrics import MAE, FmeasureV2
from py_sod_metrics.fmeasurev2 import FmeasureHandler
from torch import nn

from callbacks.compare_runs import read_report
from metrics.measures import MEASURES, OF_THE_SET, PIXELWISE
from metrics.scores import image_scores
from metrics.shape import shape_of
from networks.adapter import ImageInput
from networks.fp_dis import FPDIS
from tests.callbacks.report_runs import (
    IDS,
    Blobs,
    Guess,
    run,
    run_beside_another,
    run_without_check,
)

pytestmark = pytest.mark.filterwarnings("ignore:The 'test_dataloader' does not have many workers")

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


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Guess]:
    return run_beside_another(tmp_path_factory.mktemp("run"))


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_interpretation_of_a_paper_is_called_so_under_the_title(tmp_path: Path) -> None:
    net = ImageInput(FPDIS("resnet10t", channels=8, num_filters=2))
    run(tmp_path, Blobs(("one",)), PIXELWISE, net=net)
    page = (tmp_path / "report" / "index.html").read_text()
    assert "our interpretation of FP-DIS" in page


@pytest.mark.slow
def test_protocol_of_a_prompted_network_stands_under_the_title(tmp_path: Path) -> None:
    net = nn.Identity()
    net.prompt_protocol = "prompted: a box was given"
    run(tmp_path, Blobs(("one",)), PIXELWISE, net=net)
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Protocol: prompted: a box was given." in page
    assert read_report(tmp_path).protocol == "prompted: a box was given"


@pytest.mark.slow
def test_pixelwise_measures_alone_make_a_report(tmp_path: Path) -> None:
    run(tmp_path, Blobs(("one",)), measures=PIXELWISE)
    values = json.loads((tmp_path / "report" / "metrics.json").read_text())["all"]
    assert values.keys() == PIXELWISE
    header = (tmp_path / "report" / "per_image.csv").read_text().splitlines()[0].split(",")
    assert set(header) & {"hce", "holes", "mba", "max_f"} == set()


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
    return run_without_check(tmp_path_factory.mktemp("plain"))


def test_a_data_module_without_a_check_still_gets_a_report(plain: tuple[Path, str]) -> None:
    assert set(json.loads((plain[0] / "priors.json").read_text())) == {"centre prior"}


def test_ids_without_a_folder_give_no_subset(plain: tuple[Path, str]) -> None:
    assert list(json.loads((plain[0] / "metrics.json").read_text())) == ["all"]


def test_a_new_report_replaces_the_whole_folder(plain: tuple[Path, str]) -> None:
    assert {path.name for path in plain[0].iterdir()} == FILES - {"median.png", "best.png"}


RANKS = """
import sys
sys.path[:0] = sys.argv[1:3]
from pathlib import Path
import report_runs as t
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
