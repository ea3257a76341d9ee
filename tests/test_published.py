"""The published numbers: well-formed, sourced, and met by the book's networks."""

import pytest

import archbook
from archbook.accounting import count_parameters, depth
from archbook.published import QUANTITIES, at_a_glance, published


def test_every_row_is_well_formed():
    table = published()
    assert set(table["quantity"]) <= set(QUANTITIES)
    assert set(table["confidence"]) == {"seen", "recalled"}
    numbers = table[table["quantity"] != "recipe"]
    assert numbers["value"].notna().all() and (numbers["value"] > 0).all()
    assert (table["source"].str.len() > 0).all() and (table["printed"].str.len() > 0).all()
    errors = numbers[numbers["quantity"].str.endswith("error")]
    assert (errors["value"] < 60).all() and errors["printed"].str.endswith(" %").all()
    keys = ["network", "quantity", "value", "condition"]
    assert not table.duplicated(keys).any()


INPUT_PIXELS = {"alexnet_2012": 227}  # others take 224


def half_unit(printed):
    """Half a unit of the last digit of a printed number: 5,000 for "0.27M".

    In words, zeros at the end may be rounded ones: 5,000,000 for "60 million".
    """
    if printed.endswith(" million"):
        number = printed.removesuffix(" million")
        return 0.5e6 * 10 ** (len(number) - len(number.rstrip("0")))
    digits = printed.rstrip("M").partition(".")[2]
    return 0.5 * 10 ** -len(digits) * (1e6 if printed.endswith("M") else 1)


def test_networks_have_the_published_sizes():
    table = published()
    for name in archbook.list_networks():
        for row in table[table["network"] == name].itertuples():
            # Section 17: how Inception v2 was counted is unknown, v3 has an upper bound.
            if row.condition == "the paper's own count" or row.printed.startswith("less"):
                continue
            # Table 1 of GoogLeNet has rows that do not follow from their own numbers.
            if row.quantity == "parameters" and row.condition != "sum of Table 1":
                net = archbook.create(name)
                count = count_parameters(net)
                if "batch-norm statistics" in row.condition:
                    count += sum(b.numel() for b in net.buffers() if b.ndim)
                assert count == pytest.approx(row.value, abs=half_unit(row.printed)), name
            if row.quantity == "depth":
                pixels = INPUT_PIXELS.get(name, 224)
                assert depth(archbook.create(name), (3, pixels, pixels)) == row.value


def test_numbers_of_the_papers():
    assert published("lenet5", "connections")["value"].item() == 340_908
    errors = published("resnet152", "top1_error").set_index("condition")["value"]
    assert errors["ImageNet validation, 10 crops"] == 21.43


def test_an_unknown_network_names_the_nearest():
    with pytest.raises(ValueError, match="'resnet51'; nearest: resnet50"):
        published("resnet51")


def test_the_opening_table_shows_both_sides_and_repeats():
    model = archbook.create("lenet5")
    html = at_a_glance("lenet5", model, (1, 32, 32)).to_html()
    assert html == at_a_glance("lenet5", model, (1, 32, 32)).to_html()
    for words in ("340,908", "60,000", "0.95 %", "LeCun et al. 1998"):
        assert words in html
