"""The picture of a comparison of two sets: each distance beside the floor of the real set."""

from collections.abc import Mapping
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from callbacks.report_plots import LIGHT
from metrics.set_comparison import SetComparison

FLOOR_BAND = 2.0
"""Standard deviations around the floor's mean in which nothing is shown to differ."""


def similarity_plot(comparisons: Mapping[str, SetComparison]) -> bytes:
    """Return a PNG with a panel for each of at least one distance.

    Bars are means at one number of images, whiskers one standard deviation over the draws; the
    grey band is `FLOOR_BAND` standard deviations of the floor to either side.
    """
    num = len(comparisons)
    figure = Figure(figsize=(3.4 * num, 3.6), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    for place, (name, found) in enumerate(comparisons.items()):
        _panel(figure.add_subplot(1, num, place + 1), name, found)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", facecolor=LIGHT.background)
    return buffer.getvalue()


def _panel(axes: Axes, name: str, found: SetComparison) -> None:
    floor, spread = float(found.floor_mean), float(found.floor_std)
    band = FLOOR_BAND * spread
    axes.axhspan(floor - band, floor + band, color=LIGHT.grid, linewidth=0)
    axes.axhline(0, color=LIGHT.muted, linewidth=0.8)
    axes.bar(
        ["real\nto real", "generated\nto real"],
        [floor, float(found.matched_mean)],
        yerr=[spread, float(found.matched_std)],
        color=[LIGHT.others[1], LIGHT.accent],
        width=0.55,
        capsize=4,
        ecolor=LIGHT.text,
    )
    axes.set_title(
        name, loc="left", color=LIGHT.text, fontsize=11, fontweight="bold", parse_math=False
    )
    axes.set_xlabel(f"{found.size} images each, {found.num_draws} draws", color=LIGHT.muted)
    axes.tick_params(colors=LIGHT.muted, length=0)
    axes.spines[:].set_visible(False)
