"""Figures as SVG text, and the colours that all figures of the book share."""

import hashlib
from html import escape
from pathlib import Path

# Fill of each kind of layer: the lecture's four colours, then kinds it does not name.
# Light enough for dark text in both themes; neighbours differ in lightness as well.
PALETTE = {
    "input": "#c9b3e6",
    "convolution": "#9cc3ee",
    "max pooling": "#f7b267",
    "fully connected": "#93d19b",
    "average pooling": "#f6dd8c",
    "normalisation": "#d5d9de",
    "activation": "#f4c2d0",
    "addition": "#ffffff",
    "multiplication": "#ffffff",
    "concatenation": "#e3c9a8",
    "cell": "#6c8fc7",
    "output": "#b8ddd6",
    "other": "#d8d2c4",
}
INK = "#1b1b1b"  # text on a fill
FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
CHARACTER = 0.58  # mean width of a character in units of the font size


class Figure:
    """A drawing as SVG with real text.

    Shown in a notebook or on the website it is part of the page, so that lines and
    labels drawn in `currentColor` follow the page's light or dark theme.

    Args:
        body: SVG elements.
        width, height: size of the drawing in pixels, at most 720 wide.
        alt: what a reader who cannot see the figure needs to know.
        min_width: width below which the figure scrolls sideways instead of shrinking.
    """

    def __init__(self, body, width, height, alt, min_width=320):
        if not alt or not alt.strip():
            raise ValueError("alt is empty; expected a sentence that describes the figure")
        if width > 720:
            raise ValueError(f"width is {width}; expected at most 720 pixels")
        self.body, self.width, self.height = body, round(width), round(height)
        self.alt, self.min_width = alt, min(min_width, self.width)

    @property
    def svg(self):
        """The figure as one <svg> element; ids in it differ from every other figure's."""
        own = "f" + hashlib.sha256((self.alt + self.body).encode()).hexdigest()[:8]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg"'
            f' xmlns:xlink="http://www.w3.org/1999/xlink" role="img"'
            f' aria-labelledby="{own}-title" viewBox="0 0 {self.width} {self.height}"'
            f' style="width:100%;max-width:{self.width}px;min-width:{self.min_width}px;'
            f'height:auto" font-family="{FONT}" fill="currentColor">'
            f'<title id="{own}-title">{escape(self.alt)}</title>{self.body}</svg>'
        )

    def __repr__(self):
        return f"<figure: {self.alt}>"

    def _repr_html_(self):
        return (
            '<div class="archbook-figure" tabindex="0" role="group"'
            f' aria-label="figure" style="overflow-x:auto">{self.svg}</div>'
        )

    def save(self, path):
        """Write the figure as an SVG file of its own, dark lines on no background."""
        svg = self.svg.replace("<svg ", '<svg color="#333333" ', 1)
        Path(path).write_text(svg, encoding="utf-8")


def text(x, y, content, size=13, anchor="middle", ink="currentColor", weight="normal"):
    """An SVG text element; x and y are the anchor of its baseline."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
        f' font-weight="{weight}" fill="{ink}">{escape(str(content))}</text>'
    )


def text_width(content, size=13):
    """Estimated width of a text in pixels."""
    return len(str(content)) * size * CHARACTER


def box(x, y, width, height, kind, radius=4):
    """A filled rectangle in the colour of a kind of layer; x and y are its corner."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        f' rx="{radius}" fill="{PALETTE[kind]}" stroke="#5b6470" stroke-width="0.8"/>'
    )


def line(points, arrow=False):
    """A line through points, horizontal or vertical, with an arrowhead if asked."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    (x0, y0), (x, y) = points[-2:]
    across, down = ((x > x0) - (x < x0)) * 7, ((y > y0) - (y < y0)) * 7
    wing = (down / 2, across / 2)
    head = f"{x:.1f},{y:.1f} " + " ".join(
        f"{x - across + side * wing[0]:.1f},{y - down + side * wing[1]:.1f}"
        for side in (-1, 1)
    )
    return (
        f'<polyline points="{path}" fill="none" stroke="currentColor" stroke-width="1.4"/>'
        + (f'<polygon points="{head}"/>' if arrow else "")
    )
