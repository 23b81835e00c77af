from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from networks.adapter import ImageInput, MaskInput
from networks.birefnet import BiRefNet
from networks.fp_dis import FPDIS
from networks.isnet import ISNet
from networks.swin import Swin
from networks.u2net import U2Net, U2NetP
from networks.udun import UDUN
from train.onnx_file import OnnxFile, onnx_file


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


class Images:
    def __init__(self, image: Tensor) -> None:
        self.image = image


def spread(net: nn.Module) -> nn.Module:
    """Give statistics, biases and offsets values of their own, so that a lost one shows."""
    generator = torch.Generator().manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1, generator=generator)
            nn.init.uniform_(module.running_var, 0.5, 1.0, generator=generator)
    for name, parameter in net.named_parameters():
        if name.endswith("bias") or "offset_conv" in name or "position_bias" in name:
            nn.init.normal_(parameter, 0, 0.2, generator=generator)
    return net


def expected(net: nn.Module, image: Tensor) -> np.ndarray:
    with torch.no_grad():
        logits = net(Images(image)).logits[0]
    size = image.shape[2:]
    return nn.functional.interpolate(logits, size=size, mode="bilinear").sigmoid().numpy()


def run(content: bytes, image: Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": image.numpy()})[0]


def small_convolutions() -> ImageInput:
    return ImageInput(nn.Conv2d(3, 1, 3, padding=1), mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))


def small_birefnet() -> ImageInput:
    # the window of Swin-T, which no map here is a multiple of; blocks with and without a shift
    backbone = Swin(8, (2, 1, 1, 1), heads=(1, 2, 2, 4), window=7)
    return ImageInput(BiRefNet(backbone), divisor=32)


def small_unet() -> ImageInput:
    net = smp.Unet(
        "resnet18",
        encoder_weights=None,
        encoder_depth=3,
        decoder_channels=(16, 8, 4),
        classes=1,
    )
    return ImageInput(net, divisor=8)


NETWORKS = {
    "isnet": lambda: ImageInput(ISNet(width=1 / 16)),
    "u2net": lambda: ImageInput(U2Net(width=1 / 16)),
    "u2netp": lambda: ImageInput(U2NetP(width=1 / 8)),
    "birefnet": small_birefnet,
    "fp_dis": lambda: ImageInput(FPDIS("resnet10t", channels=8, num_filters=2)),
    "unet": small_unet,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_network_is_the_same_at_sizes_and_batches_that_were_not_compared(name: str) -> None:
    net = spread(NETWORKS[name]()).eval()
    content = onnx_file(net, {}).content
    # odd, tiny, elongated; three at once
    for shape in ((1, 3, 33, 47), (3, 3, 64, 97), (1, 3, 130, 40)):
        image = torch.rand(shape)
        wanted = expected(net, image)
        np.testing.assert_allclose(run(content, image), wanted, atol=1e-3, rtol=0)
        assert wanted.std() > 1e-3  # not a plane that any file would have


@pytest.mark.slow
def test_network_of_one_size_is_written_for_it() -> None:
    net = spread(ImageInput(UDUN(256))).eval()
    content = onnx_file(net, {}, size=(256, 256)).content
    image = torch.rand(3, 3, 256, 256)
    np.testing.assert_allclose(run(content, image), expected(net, image), atol=1e-3, rtol=0)
    (batch, *fixed) = onnx.load_from_string(content).graph.input[0].type.tensor_type.shape.dim
    assert batch.dim_param == "batch"
    assert [dimension.dim_value for dimension in fixed] == [3, 256, 256]


@pytest.fixture(scope="module")
def small_file() -> OnnxFile:
    return onnx_file(small_convolutions(), {"trained_size": "64x96"})


def test_file_says_what_goes_in_and_out(small_file: OnnxFile, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(small_file.content)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    (image,), (probability,) = model.graph.input, model.graph.output
    assert (image.name, probability.name) == ("image", "probability")
    names = [dimension.dim_param for dimension in probability.type.tensor_type.shape.dim]
    assert [names[0], *names[2:]] == ["batch", "height", "width"]
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert facts["trained_size"] == "64x96"
    assert "RGB in [0, 1], any height and width" in facts["input"]
    assert 0 <= small_file.lowest < small_file.highest <= 1


def test_file_needs_the_operators_of_onnx_alone(small_file: OnnxFile) -> None:
    model = onnx.load_from_string(small_file.content)
    assert [(x.domain, x.version) for x in model.opset_import] == [("", 20)]


def test_file_names_no_place_on_the_machine_that_wrote_it(small_file: OnnxFile) -> None:
    assert str(Path(__file__).parents[2]).encode() not in small_file.content


@pytest.mark.slow
def test_network_in_training_mode_and_half_precision_is_written_for_inference() -> None:
    net = ImageInput(nn.Sequential(nn.Conv2d(3, 1, 1), nn.Dropout(0.9))).half()
    image = torch.rand(1, 3, 5, 7)
    content = onnx_file(net, {}).content
    np.testing.assert_allclose(run(content, image), expected(net, image), atol=1e-3)


class Rolled(nn.Module):
    """Does another thing in an exported graph: stands for an operator that is translated badly."""

    def forward(self, image: Tensor) -> Tensor:
        x = image[:, :1]
        return x.flip(2) if torch.compiler.is_exporting() else x


def test_network_that_another_program_would_run_otherwise_is_refused() -> None:
    with pytest.raises(ValueError, match=r"differs from PyTorch by 0\.\d+ for 1 images of 192 x"):
        onnx_file(ImageInput(Rolled()), {})


def test_network_of_masks_is_refused() -> None:
    with pytest.raises(ValueError, match="told by the true mask"):
        onnx_file(MaskInput(nn.Conv2d(1, 1, 1)), {})


class Tied(nn.Module):
    """Takes one size alone, and says so by the shape of a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(1, 1, 24, 40))

    def forward(self, image: Tensor) -> Tensor:
        return image[:, :1] + self.place


@pytest.mark.slow
def test_network_of_one_size_is_refused_for_any_with_the_cure() -> None:
    with pytest.raises(ValueError, match="give --size"):
        onnx_file(ImageInput(Tied()), {})
    assert onnx_file(ImageInput(Tied()), {}, size=(24, 40)).content
