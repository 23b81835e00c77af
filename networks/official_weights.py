"""Which network a state dict in a published layout belongs to, told by its keys and shapes."""

from collections.abc import Mapping

from torch import Tensor

from networks.clip_zegclip import NETWORK, is_zegclip

_SWINS: dict[tuple[int, tuple[int, ...]], str] = {
    (96, (2, 2, 6, 2)): "SwinT",
    (96, (2, 2, 18, 2)): "SwinS",
    (128, (2, 2, 18, 2)): "SwinB",
    (192, (2, 2, 18, 2)): "SwinL",
}
"""Width and depths, and the class of `networks.swin`."""
_SAM_WIDTHS = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}


def published_network(state: Mapping[str, Tensor]) -> str | None:
    """Return the class and arguments that build the network of a state dict.

    Args:
        state: Tensors by key, without the prefixes of wrappers. Only shapes are looked at.

    Returns:
        Such as ``networks.u2net.U2NetP`` or ``networks.isnet.ISNet with width 0.25``; None for a
        layout that is none of the published ones.
    """
    for recognise in (_nested_u, _birefnet, _others):
        found = recognise(state)
        if found is not None:
            return found
    return None


def owner_of(state: Mapping[str, Tensor]) -> str:
    """Return a sentence for the error of weights that do not fit.

    Args:
        state: See `published_network`.

    Returns:
        Such as ". They are those of networks.u2net.U2NetP", with the stop of the sentence before;
        empty where the layout is none of the published ones.
    """
    found = published_network(state)
    return f". They are those of {found}" if found else ""


def _nested_u(state: Mapping[str, Tensor]) -> str | None:
    """IS-Net, its encoder of masks, U2-Net and U2-NetP."""
    first, second = (_size(state, f"stage{n}.rebnconvin.conv_s1.weight") for n in (1, 2))
    if first is None or second is None:
        return None
    if "outconv.weight" in state:
        return _with_width("u2net.U2NetP" if second == first else "u2net.U2Net", first / 64)
    if "conv_in.conv.weight" in state:
        return _with_width("isnet.ISNetGTEncoder", first / 64)
    return _with_width("isnet.ISNet", first / 64) if "conv_in.weight" in state else None


def _birefnet(state: Mapping[str, Tensor]) -> str | None:
    width = _size(state, "bb.patch_embed.proj.weight")
    if width is None or "squeeze_module.0.conv_in.weight" not in state:
        return None
    places = {tuple(key.split(".")[2:5:2]) for key in state if key.startswith("bb.layers.")}
    depths = tuple(
        sum(stage == number and block.isdigit() for stage, block in places) for number in "0123"
    )
    name = _SWINS.get((width, depths))
    swin = f"networks.swin.{name}" if name else f"networks.swin.Swin of width {width}, {depths}"
    # trained with batch size 1, the official code has no batch norm
    plain = "" if "squeeze_module.0.bn_in.weight" in state else ", batch_norm false"
    return f"networks.birefnet.BiRefNet with backbone {swin}{plain}"


def _others(state: Mapping[str, Tensor]) -> str | None:
    if "mask_decoder.hf_token.weight" in state:
        width = _size(state, "image_encoder.patch_embed.proj.weight")
        return f"SAM-HQ ({_SAM_WIDTHS.get(width or 0, 'vit_tiny')})"
    if "bkbone.conv1.weight" in state and "linear_t.weight" in state:
        return "networks.udun.UDUN"
    return NETWORK if is_zegclip(state) else None


def _with_width(name: str, width: float) -> str:
    return f"networks.{name}" if width == 1 else f"networks.{name} with width {width:g}"


def _size(state: Mapping[str, Tensor], key: str) -> int | None:
    return state[key].shape[0] if key in state else None
