"""UDUN: trunk and structure of an object, found apart and put together.

Pei et al., "Unite-Divide-Unite: Joint Boosting Trunk and Structure for High-accuracy Dichotomous
Image Segmentation", ACM MM 2023. The authors' repository has no licence: this is written from the
paper, from names and shapes of their state dict and from recorded outputs, and takes nothing of
their code. Keys and outputs are reproduced.

Letters: B samples; C channels; h, w a map's own size; s the side of the image (published: 1024).
"""

from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import resnet50

from networks.outputs import Outputs
from networks.udun_decoders import Structure, Trunk, Union
from networks.weights import load_weights

_RATIO = 4  # of the sides of the two views of the image: the same stage is two levels apart
_DIVISOR = 128  # of the larger side: the deepest map of the small view has whole pixels
_LEAST = 256  # below, that map is one pixel, which batch norm cannot learn from
# of what each view gives from the image itself (0), the stem (1) and stages 1 to 4 (2 to 5)
_LARGE: dict[int, tuple[int, int]] = {
    0: (3, 16),
    1: (64, 32),
    2: (256, 32),
    3: (512, 64),
    4: (1024, 64),
    5: (2048, 64),
}
_SMALL: dict[int, tuple[int, int]] = {
    1: (64, 32),
    2: (256, 32),
    3: (512, 32),
    4: (1024, 64),
    5: (2048, 64),
}


class UDUN(nn.Module):
    """Three logit maps of a normalised square image: of the mask, its trunk and its structure.

    Args:
        size: Height and width in pixels of every image, a multiple of 128 from 256
            on. The published network
            knows 1024 alone; the weights of one fit any other.
        backbone_weights: What to load into the ResNet-50 before training, a classifier of ImageNet
            in torchvision's layout; see `networks.weights.load_weights`. None: random. Not read
            where there are `weights`.
        weights: What to load into the whole network. None: random but for the backbone.

    Raises:
        ValueError: If `size` is none of those.
        WeightsError: If weights cannot be had or do not fit.
    """

    def __init__(
        self,
        size: int = 1024,
        backbone_weights: str | None = None,
        *,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        if size < _LEAST or size % _DIVISOR:
            raise ValueError(
                f"size {size} must be a multiple of {_DIVISOR} from {_LEAST} on, published: 1024"
            )
        self.size = size
        # the whole network's weights hold the backbone's: nothing is read or fetched twice
        self.bkbone = _ResNet50(backbone_weights if weights is None else None)
        for i, channels in _LARGE.items():
            self.add_module(f"convHR{i}", _narrowed(*channels))
        for i, channels in _SMALL.items():
            self.add_module(f"convLR{i}", _narrowed(*channels))
        self.dcm = _Division()
        self.trunk = Trunk()
        self.struct = Structure()
        self.union_de = Union()
        self.linear_t = nn.Conv2d(64, 1, 3, padding=1)
        self.linear_s = nn.Conv2d(16, 1, 3, padding=1)
        self.linear = nn.Sequential(
            nn.Conv2d(16, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 1, 3, padding=1),
        )
        if weights is not None:
            load_weights(self, weights)

    def forward(self, image: Tensor) -> Outputs:
        """Return the maps of an image.

        Args:
            image: ``(B, 3, s, s)`` float, RGB normalised as the weights ask (published: in [0, 255]
                less 124.55, 118.90, 102.94, by 56.77, 55.97, 57.50).

        Returns:
            Logits of the mask ``(B, 1, s, s)``, of its trunk ``(B, 1, s / 8, s / 8)`` and of its
            structure ``(B, 1, s, s)``.

        Raises:
            ValueError: If the image has another size: what the small view gives must be as large as
                what is subtracted from it.
        """
        self.check_image_size(*image.shape[2:])
        large = self._features(image, "HR")
        # corners stay corners, unlike everywhere else in this network: so is the recorded output
        small_image = F.interpolate(image, self.size // _RATIO, mode="bilinear", align_corners=True)
        small = self._features(small_image, "LR")
        trunk = self.trunk([small[5], small[4], large[5], large[4], large[3]])
        fine = self.dcm([small[3], small[2], small[1]], trunk)
        structure = self.struct([*fine, large[2], large[1], large[0]])
        mask = self.linear(self.union_de(trunk, structure))
        return Outputs(logits=[mask, self.linear_t(trunk[-1]), self.linear_s(structure[-1])])

    def check_image_size(self, height: int, width: int) -> None:
        """Compare the pixels of an image to come with `size`.

        Raises:
            ValueError: If they differ.
        """
        if (height, width) != (self.size, self.size):
            raise ValueError(
                f"UDUN was built for images of {self.size} x {self.size} px, got {height} x "
                f"{width}: set data.size to {self.size}, or UDUN's size with it"
            )

    def _features(self, image: Tensor, view: str) -> dict[int, Tensor]:
        stages = dict(enumerate([image, *self.bkbone(image)]))
        names = {i: f"conv{view}{i}" for i in (_LARGE if view == "HR" else _SMALL)}
        return {i: self.get_submodule(name)(stages[i]) for i, name in names.items()}


class _ResNet50(nn.Module):
    """The stem before its pooling and the four stages, under the published names."""

    def __init__(self, weights: str | None) -> None:
        super().__init__()
        net = resnet50(weights=None)
        if weights is not None:
            load_weights(net, weights)
        self.conv1, self.bn1 = net.conv1, net.bn1
        self.layer1, self.layer2 = net.layer1, net.layer2
        self.layer3, self.layer4 = net.layer3, net.layer4

    def forward(self, image: Tensor) -> list[Tensor]:
        stem = F.relu(self.bn1(self.conv1(image)))
        found = [stem]
        x = F.max_pool2d(stem, 3, stride=2, padding=1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            found.append(x)
        return found


class _Division(nn.Module):
    """Takes what the trunk has away from the shallow features of the small view."""

    def __init__(self) -> None:
        super().__init__()
        # the published state dict has a fourth, which no output depends on
        for i, channels in enumerate((64, 64, 64, 32)):
            self.add_module(f"convLR{i}", nn.Conv2d(channels, 32, 1))
            self.add_module(f"bnLR{i}", nn.BatchNorm2d(32))
        for unused in (self.get_submodule("convLR3"), self.get_submodule("bnLR3")):
            unused.requires_grad_(False)

    def forward(self, shallow: list[Tensor], trunk: list[Tensor]) -> list[Tensor]:
        """Return each of `shallow` ``(B, 32, h, w)`` less its map of `trunk` ``(B, 64, h, w)``."""
        found: list[Tensor] = []
        for i, (x, y) in enumerate(zip(shallow, trunk, strict=True)):
            normed = self.get_submodule(f"bnLR{i}")(self.get_submodule(f"convLR{i}")(y))
            found.append(x - F.relu(normed))
        return found


def _narrowed(in_channels: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 1),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )
