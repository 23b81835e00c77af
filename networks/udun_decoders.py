"""The three decoders of UDUN: of the trunk, of the structure, and of both.

Names as in the published state dict, see `networks.udun`.

Letters: B samples; C channels; h, w a map's own size; s the side of the image.
"""

from torch import Tensor, nn
from torch.nn import functional as F

_WIDE = 64  # channels of the trunk
_NARROW = 32  # of the structure, but for
_FINEST = 16  # at the image's own size
_NUM_TRUNK = 5
_NUM_STRUCTURE = 6
_NUM_GUIDED = 3  # levels that have a map of the trunk


class Trunk(nn.Module):
    """Deep features, fused by neighbours until one map is left: a triangle of fusions.

    A fusion at level i of round r (``conv_ir``, 3x3) takes level i - 1 and level i of the round
    before it, each through a 1x1 convolution of its own (``conv_i(r-1)_j`` for level j).
    """

    def __init__(self) -> None:
        super().__init__()
        for round_ in range(1, _NUM_TRUNK):
            for level in range(round_ + 1, _NUM_TRUNK + 1):
                for source in (level - 1, level):
                    self._add(_inward(source, level, round_), size=1)
                self._add(f"{level}{round_}", size=3)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Return the trunk at s/32, s/16 and s/8, the coarsest first.

        Args:
            features: Five of ``(B, 64, h, w)`` at s/128 to s/8, the coarsest first.

        Returns:
            Three of ``(B, 64, h, w)``. The last one holds all features.
        """
        level_maps = dict(enumerate(features, start=1))
        first: list[Tensor] = []
        for round_ in range(1, _NUM_TRUNK):
            level_maps = {
                level: self._fuse(level_maps[level - 1], level_maps[level], level, round_)
                for level in range(round_ + 1, _NUM_TRUNK + 1)
            }
            if round_ > 1:
                first.append(level_maps[round_ + 1])
        return first

    def _fuse(self, coarse: Tensor, fine: Tensor, level: int, round_: int) -> Tensor:
        both = self._block(upsample(coarse, fine), _inward(level - 1, level, round_))
        both = both + self._block(fine, _inward(level, level, round_))
        return self._block(both, f"{level}{round_}")

    def _add(self, name: str, size: int) -> None:
        self.add_module(f"conv_{name}", nn.Conv2d(_WIDE, _WIDE, size, padding=size // 2))
        self.add_module(f"bn_{name}", nn.BatchNorm2d(_WIDE))

    def _block(self, x: Tensor, name: str) -> Tensor:
        normed: Tensor = self.get_submodule(f"bn_{name}")(self.get_submodule(f"conv_{name}")(x))
        return F.relu(normed)


class Structure(nn.Module):
    """Shallow features without what the trunk has, summed from coarse to fine."""

    def __init__(self) -> None:
        super().__init__()
        for i in range(_NUM_STRUCTURE):
            channels = _structure_channels(i)
            self.add_module(f"conv{i}", nn.Conv2d(channels, channels, 3, padding=1))
            self.add_module(f"bn{i}", nn.BatchNorm2d(channels))
        self.conv4_reduce = nn.Conv2d(_NARROW, _FINEST, 1)
        self.bn4_reduce = nn.BatchNorm2d(_FINEST)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Return the structure at the sizes of `features`.

        Args:
            features: Six of ``(B, C, h, w)`` at s/32 to s, the coarsest first; C is 32, of the last
                one 16.

        Returns:
            Six of the same shapes.
        """
        x = self._block(features[0], "0")
        found = [x]
        for i, feature in enumerate(features[1:], start=1):
            x = upsample(x, feature)
            if i == _NUM_STRUCTURE - 1:
                x = self._block(x, "4_reduce")
            x = self._block(x + feature, str(i))
            found.append(x)
        return found

    def _block(self, x: Tensor, name: str) -> Tensor:
        normed: Tensor = self.get_submodule(f"bn{name}")(self.get_submodule(f"conv{name}")(x))
        return F.relu(normed)


class Union(nn.Module):
    """Trunk and structure put together, from coarse to fine."""

    def __init__(self) -> None:
        super().__init__()
        for i in range(_NUM_STRUCTURE):
            channels = _structure_channels(i)
            guide = _WIDE if i < _NUM_GUIDED else _NARROW
            self.add_module(_aggregation(i), _Aggregation(guide, channels))
            if i:
                self.add_module(f"conv_{i}", _block(channels, channels))
        self.conv_4_reduce = _block(_NARROW, _FINEST)

    def forward(self, trunk: list[Tensor], structure: list[Tensor]) -> Tensor:
        """Return what both make together.

        Args:
            trunk: Three of ``(B, 64, h, w)`` at s/32 to s/8, the coarsest first.
            structure: Six of ``(B, C, h, w)`` at s/32 to s; C is 32, of the last one 16.

        Returns:
            ``(B, 16, s, s)`` float.
        """
        x: Tensor = self.get_submodule(_aggregation(0))(trunk[0], structure[0])
        for i, feature in enumerate(structure[1:], start=1):
            x = upsample(x, feature)
            # from where the trunk ends on, what is known so far guides in its place
            guide = trunk[i] if i < _NUM_GUIDED else x
            found = self.get_submodule(_aggregation(i))(guide, feature)
            if i == _NUM_STRUCTURE - 1:
                x = self.conv_4_reduce(x)
            x = self.get_submodule(f"conv_{i}")(x + found)
        return x


class _Aggregation(nn.Module):
    """Structure where a guide sees the object, and the guide itself."""

    def __init__(self, guide_channels: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(guide_channels, 1, 1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn3 = nn.BatchNorm2d(channels)
        self.conv4 = nn.Conv2d(guide_channels, channels, 1)
        self.bn4 = nn.BatchNorm2d(channels)
        self.conv5 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn5 = nn.BatchNorm2d(channels)

    def forward(self, guide: Tensor, structure: Tensor) -> Tensor:
        attended = structure * self.conv1(guide).sigmoid()
        refined = structure + F.relu(self.bn2(self.conv2(attended)))
        refined = F.relu(self.bn3(self.conv3(refined)))
        both = refined + F.relu(self.bn4(self.conv4(guide)))
        return F.relu(self.bn5(self.conv5(both)))


def upsample(x: Tensor, like: Tensor) -> Tensor:
    """Return ``(B, C, h, w)`` at the height and width of `like`, bilinear."""
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


def _inward(source: int, level: int, round_: int) -> str:
    """Name what takes a map of level `source` into the fusion at `level`."""
    before = f"{source}{round_ - 1}" if round_ > 1 else str(source)
    return f"{before}_{level}"


def _structure_channels(i: int) -> int:
    return _FINEST if i == _NUM_STRUCTURE - 1 else _NARROW


def _aggregation(i: int) -> str:
    return f"TSA_{i}" if i < _NUM_GUIDED else f"MSA_{i}"


def _block(in_channels: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 3, padding=1),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )
