"""Commands beside Lightning's own; read before anything large is imported."""

from collections.abc import Mapping

WITHOUT_TRAINER: Mapping[str, str] = {
    "verify": "whether a generated set is whole",
    "audit": "which pairs of a set repeat others or show held-out photos",
    "export": "a generated set in a layout of other programs, with a card; or a network as ONNX",
    "demo": "a page in the browser to try a checkpoint on photos",
    "page": "the page on which a generated set is looked through",
}
"""What works on a set that stands, each the module of its name, and what it is for."""
