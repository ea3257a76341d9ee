"""Draw the picture of the front page and the README from the book's own networks.

usage: python -m tools.draw_front
"""

from pathlib import Path

import archbook
from archbook.drawing import Figure, draw_block, draw_network

PATH = Path(__file__).parent.parent / "book" / "_static" / "front.svg"
GAP = 60  # pixels between the two drawings
# As a picture in the README it follows the reader's system; on the website, the page.
STYLE = (
    "<style>#front{color:#1f2328}"
    "@media (prefers-color-scheme:dark){#front{color:#e6edf3}}</style>"
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
    named = figure.svg.replace("<svg ", '<svg id="front" ', 1)
    return named.replace("</title>", "</title>" + STYLE)


if __name__ == "__main__":
    PATH.write_text(front() + "\n", encoding="utf-8")
