"""The papers' numbers, each with its source, and the table that opens a section."""

import difflib
from importlib import resources

from archbook.accounting import count_macs, count_parameters, depth

QUANTITIES = {  # in the order of the opening table
    "year": "Year",
    "depth": "Weighted layers",
    "parameters": "Parameters",
    "connections": "Connections",
    "macs": "MACs per image",
    "test_error": "Test error",
    "top1_error": "Top-1 error",
    "top5_error": "Top-5 error",
    "recipe": "Training recipe",
}


def published(network=None, quantity=None):
    """The published numbers, all or those of one network or of one quantity.

    Returns:
        A pandas.DataFrame with the columns network, quantity, value (a number; errors in
        per cent), printed (as the paper prints it), condition, source (authors,
        year and place) and confidence: "seen" in a copy of the source or its authors' code,
        "recalled" if it has yet to be checked.

    Raises:
        ValueError: no such network or quantity; the message names the nearest.
    """
    import pandas as pd

    with resources.files("archbook").joinpath("published.csv").open(encoding="utf-8") as f:
        table = pd.read_csv(f, keep_default_na=False)
    table["value"] = pd.to_numeric(table["value"])
    for column, wanted in (("network", network), ("quantity", quantity)):
        if wanted is None:
            continue
        known = list(table[column].unique())
        if wanted not in known:
            near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.3) or known
            raise ValueError(
                f"nothing published for {column} {wanted!r}; nearest: {', '.join(near)}"
            )
        table = table[table[column] == wanted]
    return table.reset_index(drop=True)


def imagenet_models():
    """ImageNet accuracy and cost of the trained weights in torchvision and timm.

    Returns:
        A pandas.DataFrame, one row a set of weights at one resolution, with the columns
        library, network, weights (its tag), family, section (of this book), resolution
        (pixels a side), top1 and top5 (accuracy in per cent, one crop, as the libraries
        report them), parameters, macs_g (10⁹ for one image; timm's include norms),
        activations_m (10⁶ outputs of convolutions and linear layers), recipe (of
        torchvision's weights: "simple", "new" or "ported" from elsewhere), extra_data
        ("yes" if more than ImageNet-1k was seen in training) and top1_v2 (timm's only:
        on the images of ImageNetV2, collected anew).
    """
    import pandas as pd

    with resources.files("archbook").joinpath("imagenet.csv").open(encoding="utf-8") as f:
        table = pd.read_csv(f, keep_default_na=False)
    table["top1_v2"] = pd.to_numeric(table["top1_v2"])
    return table


def at_a_glance(network, model, input_size):
    """The opening table of a section: published numbers beside those of `model`.

    Args:
        network: a name of `published`.
        model: the network as this book builds it.
        input_size: (channels, height, width).

    Returns:
        A pandas Styler that notebooks show as a table.
    """
    import pandas as pd

    table = published(network)
    counted = {
        "depth": depth(model, input_size),
        "parameters": f"{count_parameters(model):,}",
        "macs": f"{count_macs(model, input_size):,}",
    }
    rows = []
    for quantity, label in QUANTITIES.items():
        found = table[table["quantity"] == quantity]
        own = counted.get(quantity, "")
        if found.empty and own != "":
            rows.append((label, "", own, ""))
        for i, row in enumerate(found.itertuples()):
            said = row.printed + (f" ({row.condition})" if row.condition else "")
            unsure = ", from memory" if row.confidence == "recalled" else ""
            rows.append((label, said, own if i == 0 else "", row.source + unsure))
    columns = ["", "Published", "This notebook", "Source"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.style.hide(axis="index").set_uuid(f"glance-{network}")
