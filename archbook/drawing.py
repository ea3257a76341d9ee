"""Everything the book draws: blocks, networks, tensors, curves, accounts, images."""

import base64
import io
import math
import re
import zlib
from contextlib import contextmanager

from archbook.diagrams import draw_block, draw_cell, draw_network, draw_networks
from archbook.figures import PALETTE, Figure, text
from archbook.tensors import draw_tensors
from archbook.training import History

__all__ = [
    "Figure", "draw_block", "draw_cell", "draw_network", "draw_networks",
    "draw_tensors", "from_matplotlib", "plot_account", "plot_comparison", "plot_history", "plot_style",
    "show_images",
]

# Lines that differ in colour (Okabe and Ito's colours, safe for colour-blind readers)
# and in dashes; each is legible on white and on a dark page.
LINES = [
    ("#e69f00", "-"), ("#3a9bdc", "--"), ("#1fa37a", "-."), ("#d5633c", ":"),
    ("#cc79a7", (0, (5, 1, 1, 1))), ("#8f8f8f", (0, (1, 1))),
]
_THEME = "#010203"  # stands for the page's own text colour until the SVG is written


@contextmanager
def plot_style():
    """The look of all plots, for matplotlib code that ends in `from_matplotlib`."""
    import matplotlib as mpl

    ink = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color",
         "grid.color", "patch.edgecolor"), _THEME,
    )
    settings = {
        "figure.figsize": (6.2, 3.6), "figure.dpi": 100, "figure.constrained_layout.use": True,
        "font.size": 12, "axes.spines.top": False, "axes.spines.right": False,
        "axes.grid": True, "grid.alpha": 0.2, "lines.linewidth": 2, "svg.fonttype": "none",
        "svg.hashsalt": "archbook", "legend.frameon": False, "axes.titlesize": 12,
        "axes.facecolor": "none", "figure.facecolor": "none", "savefig.facecolor": "none",
    }
    with mpl.rc_context({**settings, **ink}):
        yield


def from_matplotlib(fig, alt) -> Figure:
    """Turn a matplotlib figure made in `plot_style` into a `Figure`, and close it.

    Text stays text, and what is drawn in the style's own colour follows the page's theme.
    """
    import matplotlib.pyplot as plt

    file = io.StringIO()
    width, height = (fig.get_size_inches() * 72).tolist()
    with plot_style():
        fig.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(fig)
    svg = file.getvalue()
    body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = body.replace(_THEME, "currentColor")
    body = re.sub(r"font: (\d+)", r"font-size: \1", body)  # the page's font, not matplotlib's
    body = re.sub(r"(font-size: [\d.]+px) '[^;\"]*", r"\1", body)
    prefix = f"p{zlib.crc32((alt + body).encode()):x}-"  # ids unique on a page
    for name in set(re.findall(r' id="([^"]+)"', body)):
        body = re.sub(rf'(id="|"#|url\(#){re.escape(name)}(?=["\)])', rf"\1{prefix}{name}", body)
    scale = 100 / 72
    body = f'<g transform="scale({scale:.4f})">{body}</g>'
    return Figure(body, width * scale, height * scale, alt, min_width=330)


def plot_history(histories, quantity="train_loss", live=None) -> Figure:
    """Draw one quantity by epoch: a thick mean line and a thin line for each run.

    Args:
        histories: name → a `History`, or a list of recorded runs (see `load_results`).
        quantity: "train_loss", "train_accuracy", "validation_loss" or
            "validation_accuracy".
        live: name → `History` of a run in this notebook, drawn with dots.
    """
    import matplotlib.pyplot as plt

    if not histories:
        raise ValueError("histories is empty; expected at least one named history")
    known = [k for k, v in History().to_dict().items() if v == [] and k != "seconds"]
    if quantity not in known:
        raise ValueError(f"quantity is {quantity!r}; expected one of {known}")
    label = quantity.replace("train", "training").replace("_", " ")
    said = []
    with plot_style():
        fig, axes = plt.subplots()
        for (name, runs), (color, dashes) in zip(histories.items(), _lines(histories)):
            curves = _curves(runs, quantity)
            epochs = range(1, len(curves[0]) + 1)
            mean = [sum(values) / len(values) for values in zip(*curves)]
            for curve in curves if len(curves) > 1 else []:
                axes.plot(epochs, curve, color=color, linewidth=0.7, alpha=0.5)
            axes.plot(epochs, mean, color=color, linestyle=dashes, label=name)
            said.append(f"{name} ends at {mean[-1]:.2f} (mean of {len(curves)})")
        for (name, history), (color, _) in zip((live or {}).items(), _lines_of(live, histories)):
            curve = _curves(history, quantity)[0]
            axes.plot(
                range(1, len(curve) + 1), curve, "o", color=color, label=f"{name}, live",
                markeredgecolor=_THEME, markersize=6,
            )
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        return from_matplotlib(fig, f"{label} by epoch: " + "; ".join(said))


def _lines(named):
    if len(named) > len(LINES):
        raise ValueError(f"{len(named)} curves; expected at most {len(LINES)}")
    return LINES


def _lines_of(live, histories):
    """The line styles of live runs: those of the recorded arms with the same names."""
    names = list(histories)
    return [LINES[names.index(n) if n in names else i] for i, n in enumerate(live or {})]


def _curves(runs, quantity):
    """One list of values an epoch for each run; diverged runs have no curve."""
    if isinstance(runs, History):
        return [getattr(runs, quantity)]
    curves = [run["history"][quantity] for run in runs if run["history"]]
    if not curves:
        raise ValueError("no recorded run with a history; every run diverged")
    return curves


def plot_comparison(groups, label) -> Figure:
    """Draw the runs of each group as dots on a line, with mean and spread in numbers.

    Args:
        groups: name → list of numbers, one a run.
        label: what the numbers are.
    """
    import matplotlib.pyplot as plt

    if not groups or not all(groups.values()):
        raise ValueError("every group needs at least one number")
    said = []
    with plot_style():
        fig, axes = plt.subplots(figsize=(6.2, 0.9 + 0.5 * len(groups)))
        for row, (name, values) in enumerate(groups.items()):
            mean = sum(values) / len(values)
            spread = math.sqrt(
                sum((v - mean) ** 2 for v in values) / max(len(values) - 1, 1)
            )
            axes.plot(values, [row] * len(values), "o", color=LINES[1][0], alpha=0.75)
            axes.plot([mean], [row], "|", color=_THEME, markersize=18, markeredgewidth=2)
            words = f"{mean:.3f} ± {spread:.3f}"
            axes.annotate(
                words, (1.02, row), xycoords=("axes fraction", "data"), va="center"
            )
            said.append(f"{name}: {words} ({len(values)} runs)")
        axes.set_yticks(range(len(groups)), list(groups))
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.set_xlabel(label)
        axes.margins(x=0.08)
        return from_matplotlib(fig, f"{label}: " + "; ".join(said))


def plot_account(table) -> Figure:
    """Draw memory, parameters and MACs of each layer as bars, from a `layer_table`."""
    import matplotlib.pyplot as plt

    columns = {"Memory (KB)": "input", "Params (K)": "fully connected", "MACs (M)": "convolution"}
    missing = [c for c in ("Layer", *columns) if c not in table]
    if missing:
        raise ValueError(f"the table has no column {missing[0]!r}; expected a layer_table")
    rows = table[(table["Layer"] != "Total") & (table["Kind"] != "")]
    rows = rows[(rows["Params (K)"] > 0) & (rows["MACs (M)"] > 0)]
    labels = list(rows["Layer"])
    with plot_style():
        fig, axes = plt.subplots(3, 1, figsize=(6.6, 5.4), sharex=True)
        for panel, (column, kind) in zip(axes, columns.items()):
            panel.bar(range(len(rows)), rows[column], color=PALETTE[kind], linewidth=0.6)
            panel.set_ylabel(column)
            panel.grid(axis="x", visible=False)
        step = max(1, math.ceil(len(labels) / 18))
        axes[-1].set_xticks(range(0, len(labels), step), labels[::step], rotation=90, fontsize=10)
        most = {c: labels[int(rows[c].argmax())] for c in columns}
        said = "; ".join(f"most {c.split(' ')[0].lower()} in {most[c]}" for c in columns)
        return from_matplotlib(fig, f"Bars of memory, parameters and MACs by layer: {said}")


def show_images(images, titles, alt, columns=8) -> Figure:
    """Draw images or feature maps in a grid, each with its title.

    Args:
        images: tensor (N, H, W), grey, or (N, 3, H, W), colour; values 0 to 1.
        titles: N short texts.
        alt: what the images show.
        columns: images in a row.

    Raises:
        ValueError: a shape that is not one of the two, or another number of titles.
    """
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[1] != 3):
        raise ValueError(
            f"images have shape {tuple(images.shape)}; expected (N, H, W) or (N, 3, H, W)"
        )
    if len(titles) != len(images):
        raise ValueError(f"{len(titles)} titles for {len(images)} images")
    columns = min(columns, len(images))
    high, wide = images.shape[-2:]
    pitch = min(680 / columns, 110)
    size = pitch - 10
    tall, body = size * high / wide, ""
    for i, (image, title) in enumerate(zip(images, titles)):
        x, y = 8 + pitch * (i % columns), 8 + (tall + 26) * (i // columns)
        body += (
            f'<image x="{x:.1f}" y="{y:.1f}" width="{size:.1f}" height="{tall:.1f}"'
            f' preserveAspectRatio="none" style="image-rendering:pixelated"'
            f' xlink:href="data:image/png;base64,{_png(image)}"/>'
        )
        body += text(x + size / 2, y + tall + 15, title, size=11)
    height = 8 + (tall + 26) * math.ceil(len(images) / columns)
    width = max(16 + pitch * columns, 120)
    return Figure(body, width, height, alt, min_width=min(width, 340))


def _png(image):
    """One image, (H, W) or (3, H, W), as base64 PNG."""
    import matplotlib.image

    pixels = image.detach().cpu().float().clamp(0, 1).numpy()
    file = io.BytesIO()
    if pixels.ndim == 3:
        pixels = pixels.transpose(1, 2, 0)
    matplotlib.image.imsave(
        file, pixels, cmap="gray", vmin=0, vmax=1, format="png", metadata={"Software": None}
    )
    return base64.b64encode(file.getvalue()).decode()
