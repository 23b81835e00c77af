"""The arms of the ablation: what each trains on, as a configuration of the mixture.

All arms have the same real pairs under the same augmentation, the same number of optimizer steps
and the same last part of training on real pairs alone. Every picture passes JPEG, so that traces
of synthesis, which a network could use as a shortcut, are covered in all of them alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

Recipe = dict[str, object]

UNET: Recipe = {"encoder_name": "tu-regnetx_002", "decoder_channels": [128, 64, 32, 16, 16]}
"""A step of 8 at 160 px takes .4 of the time of a ResNet-18 with the decoder's own widths."""
PASTED = 0.25
"""Share of the real slots that are copy-paste."""
SYNTHETIC = 0.5
"""Share of all slots that an arm's own pairs take."""
REAL_ONLY = 0.2
"""Last part of training, on real pairs alone."""
NEW_BACKGROUND = 0.5
"""Share of the edited pairs that take another training photo's background."""


def recipe(path: str, **arguments: object) -> Recipe:
    """Return what jsonargparse makes an object of."""
    return {"class_path": path, "init_args": arguments}


PASTE = recipe("benchmarks.ablation_paste.CopyPaste")
PASTE_ON_CLEAN = recipe("benchmarks.ablation_paste.CopyPaste", removes=True)
PAINTER = recipe("generation.painters.warp_painter.WarpPainter")
VIEW = recipe("generation.edits.view_change.ViewChange")
DIFFEOMORPHISM = recipe("generation.edits.diffeomorphism.Diffeomorphism")
REFLECT = 4  # cv2.BORDER_REFLECT_101: pixels of the photo, mask included


def transforms(size: int) -> list[Recipe]:
    """Return the standard augmentation of every pair, real or synthetic: ours by judgement.

    Args:
        size: Height and width of the square that is trained on, in pixels.
    """
    border = {"border_mode": REFLECT}
    jitter = {"brightness": (0.7, 1.3), "contrast": (0.7, 1.3), "saturation": (0.6, 1.4)}
    return [
        recipe("albumentations.HorizontalFlip", p=0.5),
        recipe(
            "albumentations.RandomResizedCrop",
            size=(size, size),
            scale=(0.4, 1.0),
            ratio=(0.75, 1.333),
            p=0.8,
        ),
        recipe("albumentations.Perspective", scale=(0.03, 0.1), p=0.3, **border),
        recipe("albumentations.ElasticTransform", alpha=60.0, sigma=8.0, p=0.3, **border),
        recipe("albumentations.ColorJitter", hue=(-0.05, 0.05), p=0.8, **jitter),
        recipe("albumentations.ToGray", p=0.05),
        recipe("albumentations.ImageCompression", quality_range=(80, 95), p=1.0),
    ]


def edited(
    *chains: Sequence[Recipe],
    painter: Recipe | None = PAINTER,
    new_background: float = NEW_BACKGROUND,
    filters: Sequence[Recipe] = (),
) -> Recipe:
    """Return pairs whose masks are edited by one of the chains, each as often as the others."""
    return recipe(
        "generation.pair_synthesis.EditedPairs",
        chains=[{"edits": list(edits)} for edits in chains],
        painter=painter,
        new_background=new_background,
        filters=list(filters),
    )


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What is added to the real pairs.

    Args:
        own: Synthesis of the arm; None trains on real pairs and copy-paste alone.
        paste: What the copy-paste of the real slots is; None for none.
        share: Of all slots that `own` takes.
        real_only: Last part of training without any synthesis, copy-paste included.
        pool: Pairs of `own` are made once, so many times the real count; None makes them on the
            fly.
    """

    own: Recipe | None = None
    paste: Recipe | None = None
    share: float = SYNTHETIC
    real_only: float = REAL_ONLY
    pool: float | None = None

    def mixture(self, pool: str | None = None) -> Recipe | None:
        """Return the mixture; None where every pair is real.

        Args:
            pool: Folder of the pairs that were made once.
        """
        weights = [
            (self.own, self.share if self.own else 0.0),
            (self.paste, PASTED * (1 - (self.share if self.own else 0.0))),
        ]
        members = [
            {"synthesis": synthesis, "weight": weight}
            for synthesis, weight in weights
            if synthesis is not None and weight > 0
        ]
        if not members:
            return None
        total = sum(weight for synthesis, weight in weights if synthesis is not None)
        mixture: Recipe = {
            "share": recipe("datamodules.mixture_share.Constant", value=total),
            "real_only": self.real_only,
        }
        if pool is not None:
            ready = {"root": pool, "weight": weights[0][1] / weights[1][1]}
            return mixture | {"synthesis": self.paste, "ready": [ready]}
        return mixture | {
            "synthesis": recipe("generation.synthesis_choice.SynthesisChoice", members=members),
        }


def added(own: Recipe, *, share: float = SYNTHETIC, real_only: float = REAL_ONLY) -> Arm:
    """Return an arm that adds pairs to the baseline."""
    return Arm(own=own, paste=PASTE, share=share, real_only=real_only)


RIGID, NON_RIGID, BOTH = [VIEW], [DIFFEOMORPHISM], [VIEW, DIFFEOMORPHISM]

STANDARD = "standard"
BASELINE = "real"
FILTERED = "mix_filtered"
FULL = "full"
POOLS = (0.83, 1.67, 2.5, 3.33)
"""Pairs over real photos: 2,500 to 10,000 on 3,000 in the paper."""
ARMS: Mapping[str, Arm] = {
    STANDARD: Arm(),  # no copy-paste
    BASELINE: Arm(paste=PASTE),
    "mix": added(edited(RIGID, NON_RIGID, BOTH)),
    "rigid": added(edited(RIGID)),
    "non_rigid": added(edited(NON_RIGID)),
    "background": added(edited([], new_background=1.0)),  # the masks as they are
    "paste_on_clean": Arm(paste=PASTE_ON_CLEAN),
    # what else may decide: the painter, the background, share and order
    "mix_unpainted": added(edited(RIGID, NON_RIGID, BOTH, painter=None, new_background=0.0)),
    "mix_own_background": added(edited(RIGID, NON_RIGID, BOTH, new_background=0.0)),
    "mix_quarter": added(edited(RIGID, NON_RIGID, BOTH), share=0.25),
    "pretrain": added(edited(RIGID, NON_RIGID, BOTH), share=1.0, real_only=0.5),
}
POOL_ARMS = {f"pool_{times:g}": replace(ARMS["mix"], pool=times) for times in POOLS}
FIRST_ARMS = (BASELINE, "mix", "rigid", "non_rigid", "background")
"""Of the first question, most wanted first."""


def editor(weights: str) -> Recipe:
    """Return the trained mask editor.

    Args:
        weights: Path of the safetensors that its training left.
    """
    net = recipe("networks.mask_editor.FlowMaskEditor", width=16, weights=weights)
    return recipe("generation.edits.adversarial.AdversarialEdit", net=net)


def editor_arms(editors: Mapping[str, str]) -> dict[str, Arm]:
    """Return the arms of trained editors.

    Args:
        editors: Name -> path of the safetensors. The one called ``full`` is tried alone and in the
            place of the diffeomorphism, the others, trained with fewer terms, alone.
    """
    arms: dict[str, Arm] = {}
    for name, weights in editors.items():
        edit = editor(weights)
        if name == FULL:
            arms |= {"editor": added(edited([edit]))}
            arms |= {"mix_editor": added(edited(RIGID, [edit], [VIEW, edit]))}
        else:
            arms[f"editor_{name}"] = added(edited([edit]))
    return arms


def filtered(judge: str, size: int) -> Arm:
    """Return the arm `mix` with its pairs judged by a network.

    Args:
        judge: Path of the weights of the baseline that was trained on the same photos.
        size: Height and width that it was trained at, in pixels.
    """
    unet = recipe("segmentation_models_pytorch.Unet", **UNET, encoder_weights=None, classes=1)
    net = recipe(
        "networks.adapter.ImageInput",
        net=unet,
        mean=[0.485, 0.456, 0.406],
        std=[0.229, 0.224, 0.225],
        divisor=32,
        weights=judge,
    )
    judged = recipe("generation.filters.mask_agreement.MaskAgreement", net=net, size=size)
    return added(edited(RIGID, NON_RIGID, BOTH, filters=[judged]))
