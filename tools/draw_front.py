"""Draw the pictures of the front page and the README from the book's own networks and runs.

usage: python -m tools.draw_front
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

import archbook
from archbook.drawing import (
    LINES, Figure, draw_block, draw_network, from_matplotlib, plot_style,
)
from archbook.results import load_results

STATIC = Path(__file__).parent.parent / "book" / "_static"
GAP = 60  # pixels between the two drawings
# As a picture in the README it follows the reader's system; on the website, the page.
STYLE = (
    "<style>#NAME{color:#1f2328}"
    "@media (prefers-color-scheme:dark){#NAME{color:#e6edf3}}</style>"
)


def front():
    """The SVG text: LeNet-5 as a strip, beside it a block of ResNet-18."""
    strip = draw_network(archbook.create("lenet5"), (1, 32, 32), "LeNet-5: a chain")
    block = draw_block(
        archbook.create("resnet18").stages[0][0], (64, 56, 56), "ResNet: a shortcut"
    )
    beside, below = strip.width + GAP, (strip.height - block.height) / 2
    figure = Figure(
        f'{strip.body}<g transform="translate({beside},{below})">{block.body}</g>',
        beside + block.width,
        max(strip.height, block.height),
        f"{strip.alt}. Beside it: {block.alt}",
        min_width=460,
    )
    return named(figure, "front")


def ruler():
    """The SVG text: section 24's runs, all networks at three budgets, by the best."""
    runs = pd.DataFrame(load_results("ruler"))
    runs = runs[runs["test_accuracy"] > 0.2]  # two of AlexNet failed: section 24
    budgets = sorted(runs["budget_cpu_s"].unique())
    mean = runs[runs["budget_cpu_s"] == budgets[-1]].groupby("network")["test_accuracy"].mean()
    order = mean.sort_values(ascending=False).index
    with plot_style():
        fig, axes = plt.subplots(figsize=(6.6, 4.4))
        for budget, (color, _) in zip(budgets, LINES):
            for row, name in enumerate(order):
                chosen = (runs["network"] == name) & (runs["budget_cpu_s"] == budget)
                found = runs.loc[chosen, "test_accuracy"]
                axes.plot(found, [row] * len(found), "o", color=color, markersize=5, alpha=0.7)
            axes.plot([], [], "o", color=color, label=f"{budget} s")
        axes.set_yticks(range(len(order)), list(order))
        axes.set(ylim=(len(order) - 0.5, -0.5), xlabel="test accuracy on Fashion-MNIST")
        axes.legend(loc="upper left", title="processor time")
    figure = from_matplotlib(
        fig, f"Fifteen networks with one recipe and three nominal budgets of time, best: {order[0]}"
    )
    return named(figure, "ruler")


def named(figure, name):
    """A figure's SVG with an id and a style for where it stands alone."""
    svg = figure.svg.replace("<svg ", f'<svg id="{name}" ', 1)
    return svg.replace("</title>", "</title>" + STYLE.replace("NAME", name))


if __name__ == "__main__":
    for name, draw in (("front", front), ("ruler", ruler)):
        (STATIC / f"{name}.svg").write_text(draw() + "\n", encoding="utf-8")
