"""What the benchmarks compute with, and that those of the GPU run."""

import json
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import gpu
from benchmarks.gpu_site import Measured, Site
from benchmarks.interleaved import interleaved, spread
from benchmarks.op_count import graphs_of, work_of
from benchmarks.pixel_errors import pixel_errors
from benchmarks.random_models import randomised
from benchmarks.wheels import wheels


def test_errors_are_those_of_the_definition() -> None:
    truth = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    images = truth.clone()
    images[0, 0, 0, 0] = 12
    found = pixel_errors(images, truth)
    assert (found.largest, found.mean) == (12, 1.0)
    assert found.psnr == pytest.approx(37.338, abs=1e-3)  # 10 log10(255^2 / 12)
    assert pixel_errors(truth, truth).psnr == float("inf")


def test_errors_want_images_of_one_shape() -> None:
    with pytest.raises(ValueError, match="differ"):
        pixel_errors(torch.zeros(1, 3, 2, 2), torch.zeros(2, 3, 2, 2))


def test_arms_are_timed_in_turn() -> None:
    order: list[str] = []
    arms = {name: lambda name=name: order.append(name) for name in "ab"}
    found = interleaved(arms, device=torch.device("cpu"), repeats=2, warm_up=1)
    assert "".join(order) == "ab" + "abab"
    assert [len(values) for values in found.values()] == [2, 2]


def test_spread_is_median_and_range() -> None:
    assert spread([3.0, 1.0, 2.0], ".1f") == "2.0 (1.0-3.0)"


def test_work_of_a_product_is_two_operations_for_each_term() -> None:
    a, b = torch.ones(3, 4), torch.ones(4, 5)
    found = work_of(lambda: a @ b)
    assert (found.operations, found.gigaflops) == (1, 2 * 3 * 4 * 5 / 1e9)


@pytest.mark.slow
def test_graphs_are_counted_once() -> None:
    call = torch.compile(lambda x: x + 1, backend="eager", dynamic=False)
    assert graphs_of(lambda: [call(torch.ones(n)) for n in (2, 3, 2)]) == 2
    assert graphs_of(lambda: call(torch.ones(2))) == 0


def test_random_weights_keep_the_scale_and_leave_no_zero_layer() -> None:
    def build() -> torch.nn.Module:
        net = torch.nn.Sequential(torch.nn.Linear(256, 256), torch.nn.LayerNorm(256))
        torch.nn.init.zeros_(net[0].weight)
        return net

    net = randomised(build, dtype=torch.float32, device=torch.device("cpu"))
    shown = torch.randn(64, 256, generator=torch.Generator().manual_seed(1))
    assert net[0](shown).std() == pytest.approx(1, abs=0.1)
    assert net[0].bias.abs().max() == 0


def test_buffer_of_unknown_content_is_refused() -> None:
    with pytest.raises(ValueError, match="running_mean"):
        randomised(lambda: torch.nn.BatchNorm2d(2), dtype=torch.float32, device=torch.device("cpu"))


def test_wheels_differ_and_have_thin_spokes() -> None:
    first, second = wheels(2, 64)
    assert not torch.equal(first.mask, second.mask)
    assert 0 < (first.mask > 0).float().mean() < 0.3


def test_table_has_ratios_to_the_first_row() -> None:
    first = Measured("a", "images/s", (1.0, 2.0))
    rows = [first, Measured("b", "images/s", (3.0, 4.0), "same", peak_gib=12.34)]
    assert gpu.table(rows).splitlines()[2:] == [
        "| a | 1.5 (1-2) images/s | 1.00 (1.00-1.00) |  |  |",
        "| b | 3.5 (3-4) images/s | 2.50 (2.00-3.00) | 12.3 | same |",
    ]


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks what is said without CUDA")
def test_without_cuda_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu", "loader"])
    with pytest.raises(SystemExit, match="there is no CUDA device here"):
        gpu.main()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of libraries, in a script and not in our code
@pytest.mark.parametrize(
    "part",
    [
        "generation_sd15_approximate",
        "train_unet",
        "train_isnet",
        "train_birefnet",
        "train_tiny_image",
        "loader",
        "baseline_fp_dis",
        "baseline_sam_hq",
    ],
)
def test_part_of_the_gpu_runs_tiny_on_the_cpu(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [part, "--device", "cpu", "--smoke", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["gpu", *arguments])
    gpu.main()
    content = json.loads((tmp_path / f"gpu_{part}.json").read_text())
    assert content["rows"]
    assert all(value > 0 for row in content["rows"] for value in row["values"])


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # as above
def test_part_says_where_no_official_code_ran() -> None:
    rows = gpu.PARTS["train_birefnet"](Site(torch.device("cpu"), is_smoke=True))
    assert rows[0].name == "BiRefNet, Swin-L, 64 px, batch 2, float32"
    assert rows[0].remark == "our network: no --official checkout was given"
    assert [row.peak_gib for row in rows] == [None] * 3
