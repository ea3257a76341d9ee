"""Section 24: the published table, the interactive figure, the networks of the ruler."""

import math
from html.parser import HTMLParser

import pandas as pd
import pytest
import timm
import torch
import torchvision

from archbook.accounting import CONVOLUTIONS, count_macs, count_parameters
from archbook.explorer import Explorer
from archbook.networks.ruler import VARIANTS
from archbook.published import imagenet_models
from archbook.results import load_results
from tools.ruler import BUDGETS, best_rate, schedule

TABLE = imagenet_models()
ROWS = TABLE[TABLE["library"] == "torchvision"].to_dict("records")


def build(library, network):
    if library == "timm":
        return timm.create_model(network)
    heads = network in ("googlenet", "inception_v3")
    options = {"aux_logits": False, "init_weights": False} if heads else {}
    return torchvision.models.get_model(network, **options)


def count_activations(net, pixels):
    counts = []
    for module in net.modules():
        if isinstance(module, (*CONVOLUTIONS, torch.nn.Linear)):
            module.register_forward_hook(lambda m, x, y: counts.append(y.numel()))
    net.eval()(torch.zeros(1, 3, pixels, pixels))
    return sum(counts)


def test_the_table_is_well_formed():
    assert not TABLE.duplicated(["library", "network", "weights", "resolution"]).any()
    assert set(TABLE["recipe"]) == {"simple", "new", "ported", ""}
    assert ((TABLE["recipe"] == "") == (TABLE["library"] == "timm")).all()
    numbers = TABLE[["top1", "top5", "parameters", "macs_g", "activations_m"]]
    assert (numbers > 0).all(axis=None) and (TABLE["top5"] > TABLE["top1"]).all()
    assert set(TABLE["extra_data"]) == {"yes", "no"}


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r['network']}-{r['weights']}")
def test_torchvision_rows_are_its_metadata_and_our_counts(row):
    weights = torchvision.models.get_model_weights(row["network"])[row["weights"]]
    metrics = weights.meta["_metrics"]["ImageNet-1K"]
    assert (metrics["acc@1"], metrics["acc@5"]) == (row["top1"], row["top5"])
    assert weights.transforms.keywords["crop_size"] == row["resolution"]
    with torch.device("meta"):
        net = build("torchvision", row["network"])
        assert count_parameters(net) == row["parameters"]
        macs = count_macs(net, (3, row["resolution"], row["resolution"]))
        assert math.isclose(macs / 1e9, row["macs_g"], abs_tol=6e-5)
        activations = count_activations(net, row["resolution"])
        assert math.isclose(activations / 1e6, row["activations_m"], abs_tol=6e-4)


@pytest.mark.parametrize("network", sorted(TABLE[TABLE["library"] == "timm"]["network"].unique()))
def test_timm_rows_are_its_networks(network):
    """Parameters to the printed digits, MACs within the norms that timm includes."""
    rows = TABLE[(TABLE["library"] == "timm") & (TABLE["network"] == network)]
    with torch.device("meta"):
        net = build("timm", network)
    assert abs(count_parameters(net) - rows["parameters"].iloc[0]) <= 5_001


def test_every_network_was_timed():
    timed = {(r["library"], r["network"], r["resolution"]) for r in load_results("latency")}
    listed = TABLE[["library", "network", "resolution"]].itertuples(index=False, name=None)
    assert timed == set(listed)
    for record in load_results("latency"):
        seconds = record["passes"]
        assert len(seconds) == 9 and record["processor"]
        assert 0 < min(seconds) <= record["s_per_image"] <= max(seconds)


def small_table():
    return pd.DataFrame({
        "name": ["a", "b", "<c>"], "cost": [1.0, 10.0, 100.0], "late": [5.0, float("nan"), 2.0],
        "gain": [70.0, 75.0, 80.0], "family": ["x", "x", "y"], "open": [False, True, False],
    })


def explorer(table, **changes):
    arguments = {
        "costs": {"cost": "cost", "late": "delay"}, "gain": ("gain", "gain (%)"),
        "kind": "family", "tip": lambda row: (row.name, "second line"),
        "link": lambda row: "15_resnet.ipynb", "hollow": ("open", "open marks"),
        "fronts": {"cost": [0, 1, 2], "late": [2]}, "alt": "Gain against cost.",
    } | changes
    return Explorer(table, **arguments)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag != "input":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_explorer_holds_every_point_and_is_closed_html():
    tags = Tags()
    tags.feed(explorer(small_table())._repr_html_())
    assert not tags.open
    links = [attributes for tag, attributes in tags.seen if tag == "a"]
    assert [link["aria-label"] for link in links] == ["a", "b", "<c>"]
    assert [link["class"] for link in links] == ["k0", "k0 hollow", "k1"]
    boxes = [a for tag, a in tags.seen if tag == "input"]
    assert [a["type"] for a in boxes] == ["radio"] * 2 + ["checkbox"] * 3
    assert not any(tag == "script" for tag, _ in tags.seen)


def test_cheap_stands_left_and_what_is_missing_outside():
    figure = explorer(small_table())
    places = [figure._x("cost", cost) for cost in (1.0, 10.0, 100.0)]
    assert places == sorted(places) and min(places) > 0
    assert math.isclose(places[1] - places[0], places[2] - places[1])
    assert figure._x("late", float("nan")) < 0


@pytest.mark.parametrize(("changes", "message"), [
    ({"alt": " "}, "alt is empty"), ({"kind": "kinds"}, "no columns \\['kinds'\\]"),
    ({"costs": {"gain": "g", "zero": "z"}}, "'zero' needs positive numbers"),
])
def test_the_explorer_names_what_is_wrong(changes, message):
    with pytest.raises(ValueError, match=message):
        explorer(small_table().assign(zero=[0.0, 1.0, 2.0]), **changes)


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_take_part_within_the_bounds(name):
    variant = VARIANTS[name]
    size = 28 + 2 * variant.pad
    torch.manual_seed(0)
    net = variant.build()
    assert net(torch.rand(2, 1, size, size)).shape == (2, 10)
    macs = count_macs(net, (1, size, size))
    assert 50_000 <= count_parameters(net) <= 150_000 or 4.5e6 < macs < 5.6e6
    assert not any(getattr(m, "p", 0) for m in net.modules() if isinstance(m, torch.nn.Dropout))


def test_the_pair_with_and_without_gates_differs_by_the_gates_only():
    plain, gated = (VARIANTS[n].build().state_dict() for n in ("ResNet-8", "SE-ResNet-8"))
    assert set(plain) < set(gated)
    assert all("excite" in name for name in set(gated) - set(plain))


def test_a_budget_is_spent_in_whole_epochs():
    for cost in (1e-4, 3.43e-4, 1.49e-3):
        for budget in BUDGETS:
            epochs, images = schedule(budget, cost)
            assert images <= 55_000 and images % 10 == 0
            assert 0.995 < epochs * images * cost / budget <= 1
            assert epochs == 1 or (epochs - 1) * 55_000 * cost < budget


def test_the_rate_is_the_best_on_validation_and_a_diverged_one_is_not():
    trials = [{"network": "a", "lr": lr, "val_accuracy": value}
              for lr, value in ((0.1, 0.8), (0.3, 0.9), (1.0, None))]
    assert best_rate([*trials, {"network": "b", "lr": 3, "val_accuracy": 0.95}], "a") == 0.3
