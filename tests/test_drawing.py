"""Figures against the graphs they draw: nothing lost, nothing overlapping, text inside."""

import re
import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models.densenet import _DenseBlock
from torchvision.models.googlenet import Inception

import archbook
from archbook.accounting import layer_table
from archbook.diagrams import _Block, layers_of
from archbook.drawing import (
    Figure, draw_block, draw_network, draw_networks, draw_tensors, from_matplotlib,
    plot_account, plot_comparison, plot_history, plot_style, show_images,
)
from archbook.figures import PALETTE, text_width
from archbook.networks.lenet import LeNet5
from archbook.networks.resnet import (
    CifarResNet, basic_path, bottleneck_path, conv_block, identity_block,
)
from archbook.tracing import trace
from archbook.training import History
from tools import draw_front

SVG = "{http://www.w3.org/2000/svg}"
WEIGHTED = (nn.Conv2d, nn.Linear, nn.MaxPool2d, nn.AdaptiveAvgPool2d)
BLOCKS = {
    "identity": (identity_block(basic_path(8, 8)), (8, 9, 9)),
    "projection": (conv_block(bottleneck_path(8, 16, 2), 8, 16, 2), (8, 8, 8)),
    "padded": (CifarResNet(20).blocks[3], (16, 8, 8)),
    "inception": (Inception(192, 64, 96, 128, 16, 32, 32), (192, 8, 8)),
    "dense": (_DenseBlock(4, 64, 4, 32, 0.0), (64, 8, 8)),
    "gate": (models.efficientnet_b0().features[2][0], (16, 8, 8)),
    "inception_v3": (models.inception_v3(init_weights=False).Mixed_7b, (1280, 8, 8)),
    "chain": (models.vgg16().features[:5], (3, 8, 8)),
    "lenet": (LeNet5(), (1, 32, 32)),
}
STRIPS = {
    "lenet5": (LeNet5(), (1, 32, 32)), "alexnet": (models.alexnet(), (3, 224, 224)),
    "vgg16": (models.vgg16(), (3, 64, 64)), "resnet152": (models.resnet152(), (3, 64, 64)),
    "googlenet": (models.googlenet(init_weights=False), (3, 64, 64)),
    "densenet121": (models.densenet121(), (3, 64, 64)),
    "efficientnet_b0": (models.efficientnet_b0(), (3, 64, 64)),
    "inception_v3": (models.inception_v3(init_weights=False), (3, 128, 128)),
}


def reachable(inputs):
    """All pairs (before, after) of a graph given as node → its inputs."""
    pairs = {}
    for node, before in inputs.items():
        pairs[node] = set(before).union(*(pairs[b] for b in before))
    return {(b, a) for a, all_before in pairs.items() for b in all_before}


@pytest.mark.parametrize("name", BLOCKS)
def test_every_layer_of_the_graph_is_drawn_once_with_its_paths(name):
    model, size = BLOCKS[name]
    graph, layers = trace(model, size), layers_of(model, size)
    traced = [n for layer in layers for n in layer.traced]
    assert len(traced) == len(set(traced))
    working = [
        n.name for n in graph.graph.nodes
        if n.op == "call_module" and isinstance(graph.get_submodule(n.target), WEIGHTED)
    ]
    assert set(working) <= set(traced)
    where = {n: layer.name for layer in layers for n in layer.traced}
    drawn = reachable({x.name: [i.name for i in x.inputs] for x in layers})
    nodes = [n for n in graph.graph.nodes if n.op not in ("output", "get_attr")]
    true = reachable({n.name: [i.name for i in n.all_input_nodes if i.op != "get_attr"] for n in nodes})
    expected = {(where[a], where[b]) for a, b in true if a in where and b in where}
    assert drawn == {(a, b) for a, b in expected if a != b}


def test_activations_and_norms_are_kept_where_they_act():
    block, size = BLOCKS["identity"]
    first, second, join = layers_of(block, size)[1:]
    assert first.after == ["BN", "ReLU"] and second.after == ["BN"]
    assert join.kind == "addition" and join.after == ["ReLU"] and len(join.inputs) == 2
    dense = layers_of(*BLOCKS["dense"])
    assert next(x for x in dense if x.label.startswith("conv 1×1")).before == ["BN", "ReLU"]
    gate = layers_of(*BLOCKS["gate"])
    assert any("Sigmoid" in x.after for x in gate)


def rectangles(svg):
    return [
        tuple(float(r.get(k)) for k in ("x", "y", "width", "height"))
        for r in ET.fromstring(svg).iter(f"{SVG}rect") if float(r.get("width")) > 12
    ]


def test_the_layers_of_a_branch_stand_under_one_another():
    layers = layers_of(*BLOCKS["inception"])
    column = _Block(layers, "").column
    inside = [x for x in layers if len(x.inputs) == 1 and x.inputs[0].kind != "input"]
    assert len(inside) == 3  # the second convolution of three branches
    assert all(column[id(x)] == column[id(x.inputs[0])] for x in inside)


def test_a_factor_is_a_box_with_its_number():
    class Scaled(nn.Module):
        def forward(self, x):
            return x + 0.17 * x

    figure = draw_block(Scaled(), (4, 8, 8))
    assert "× 0.17" in figure.svg and "× 0.17" in figure.alt


@pytest.mark.parametrize("name", BLOCKS)
def test_boxes_do_not_overlap_and_hold_their_text(name):
    figure = draw_block(*BLOCKS[name], title=name)
    assert figure.width <= 720
    boxes = rectangles(figure.svg)
    for i, (x, y, w, h) in enumerate(boxes):
        assert 0 <= x and x + w <= figure.width and y + h <= figure.height
        for x2, y2, w2, h2 in boxes[i + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    for words in ET.fromstring(figure.svg).iter(f"{SVG}text"):
        x, y = float(words.get("x")), float(words.get("y"))
        around = [b for b in boxes if b[0] < x < b[0] + b[2] and b[1] < y < b[1] + b[3]]
        for box in around:
            assert text_width(words.text, float(words.get("font-size"))) <= box[2]


@pytest.mark.parametrize("name", STRIPS)
def test_strips_fit_and_show_every_resolution(name):
    model, size = STRIPS[name]
    figure = draw_network(model, size)
    assert figure.width <= 720 and figure.svg == draw_network(model, size).svg
    boxes = rectangles(figure.svg)
    assert all(x + w <= 720 for x, _, w, _ in boxes)
    assert f"{size[1]}×{size[2]}" in figure.alt


def test_repeated_blocks_are_drawn_once_with_their_number():
    alt = draw_network(*STRIPS["resnet152"]).alt
    assert re.findall(r"(\d+) times", alt) == ["3", "8", "36", "3"]


def test_networks_drawn_together_share_one_scale():
    sizes = {"small": 16, "large": 64}
    networks = {
        name: (nn.Sequential(nn.Conv2d(3, 4 * size, 3, padding=1)), (3, size, size))
        for name, size in sizes.items()
    }
    svg = draw_networks(networks).svg
    boxes = {
        group[0].text: [float(group[1].get(side)) for side in ("width", "height")]
        for group in ET.fromstring(svg).iter(f"{SVG}g")
    }
    small, large = (boxes[f"conv 3×3 to {n}×{n}, {4 * n}"] for n in sizes.values())
    assert large[1] / small[1] == pytest.approx(4, rel=0.02)  # resolution
    assert large[0] / small[0] == pytest.approx(2, rel=0.02)  # √channels
    tops = [float(rect.get("y")) for rect in ET.fromstring(svg).iter(f"{SVG}rect")]
    assert max(tops[-4:-2]) < min(tops[-2:])  # one under the other
    for name in networks:
        assert f">{name}</text>" in svg


def test_repeated_blocks_have_their_number_in_bare_strips_too():
    networks = {name: STRIPS[name] for name in ("resnet152", "efficientnet_b0")}
    figure = draw_networks(networks, "Two")
    assert figure.width <= 720 and "×36" in figure.svg and "36 times" in figure.svg
    assert "resnet152: 9 boxes, input 64×64, 3" in figure.alt


def test_networks_that_cannot_be_drawn_together_are_named():
    with pytest.raises(ValueError, match="networks is empty"):
        draw_networks({})
    layers = [nn.Conv2d(1, 1, 1) for _ in range(200)]
    with pytest.raises(ValueError, match="endless has 201 boxes; expected at most 138"):
        draw_networks({"endless": (nn.Sequential(*layers), (1, 4, 4))})


def test_text_is_escaped_and_ids_differ_between_figures():
    one = draw_block(*BLOCKS["identity"], title="<b> & co")
    two = draw_block(*BLOCKS["chain"])
    ids = [re.findall(r' id="([^"]+)"', f.svg) for f in (one, two)]
    assert "&lt;b&gt; &amp; co" in one.svg and ET.fromstring(one.svg) is not None
    assert not set(ids[0]) & set(ids[1])
    assert 'role="img"' in one._repr_html_()


def test_a_figure_needs_alt_text_and_room():
    with pytest.raises(ValueError, match="alt is empty"):
        Figure("", 10, 10, " ")
    with pytest.raises(ValueError, match="at most 720"):
        Figure("", 800, 10, "wide")


def test_a_block_that_does_not_fit_is_named():
    with pytest.raises(ValueError, match="must match"):
        draw_block(identity_block(basic_path(8, 16)), (8, 9, 9))


def history(*loss):
    return History(list(loss), list(loss), list(loss), list(loss), list(loss))


def test_plots_have_text_follow_the_theme_and_repeat():
    runs = {"a": [{"history": history(2, 1).to_dict()}] * 2, "b": history(3, 2)}
    figure = plot_history(runs, "train_loss", live={"a": history(2, 1.5)})
    assert figure.svg == plot_history(runs, "train_loss", live={"a": history(2, 1.5)}).svg
    words = [t.text for t in ET.fromstring(figure.svg).iter(f"{SVG}text")]
    assert {"epoch", "training loss", "a", "b", "a, live"} <= set(words)
    assert "#010203" not in figure.svg and "currentColor" in figure.svg
    assert "a ends at 1.00 (mean of 2)" in figure.alt
    references = set(re.findall(r'(?:href="#|url\(#)([^")]+)', figure.svg))
    assert references and references <= set(re.findall(r' id="([^"]+)"', figure.svg))


def test_plots_refuse_what_they_cannot_draw():
    with pytest.raises(ValueError, match="quantity is 'loss'"):
        plot_history({"a": history(1)}, "loss")
    with pytest.raises(ValueError, match="empty"):
        plot_history({})
    with pytest.raises(ValueError, match="every run diverged"):
        plot_history({"a": [{"history": None}]})
    with pytest.raises(ValueError, match="at least one number"):
        plot_comparison({"a": []}, "x")
    with pytest.raises(ValueError, match="no column 'MACs"):
        plot_account(layer_table(LeNet5(), (1, 32, 32)).drop(columns="MACs (M)"))
    with pytest.raises(ValueError, match=r"shape \(2, 2, 4, 4\)"):
        show_images(torch.zeros(2, 2, 4, 4), ["", ""], "x")
    with pytest.raises(ValueError, match="1 titles for 2"):
        show_images(torch.zeros(2, 4, 4), [""], "x")


def test_comparison_prints_mean_and_spread():
    figure = plot_comparison({"arm": [0.1, 0.2, 0.3]}, "accuracy")
    assert "0.200 ± 0.100" in figure.svg and "3 runs" in figure.alt


def test_account_names_the_largest_layers():
    alt = plot_account(layer_table(archbook.create("lenet5_simplified"), (1, 32, 32))).alt
    assert "most memory in features.0" in alt and "most params in classifier.1" in alt


def test_images_become_pictures_in_the_figure():
    figure = show_images(torch.rand(3, 3, 4, 4), ["a", "b", "c"], "three", columns=2)
    assert figure.svg.count("data:image/png;base64,") == 3


def test_matplotlib_figures_are_closed():
    plt.close("all")
    with plot_style():
        fig, _ = plt.subplots()
    from_matplotlib(fig, "nothing")
    assert not plt.get_fignums()


def test_tensors_are_drawn_to_scale_in_one_colour_each():
    x, y = torch.zeros(64, 56, 56), torch.zeros(32, 56, 56)
    svg = draw_tensors("concat", [("X", x), ("Y", y)], [("Z", [x, y])], "joined").svg
    lengths = [float(w) for w in re.findall(r'<rect [^>]*width="([\d.]+)" height="64', svg)]
    assert lengths[0] == pytest.approx(2 * lengths[1], abs=0.16)  # both are rounded to 0.1
    assert lengths[2:] == lengths[:2]  # in the result both lie end to end
    fills = re.findall(r'height="64.0" fill="(#\w+)"', svg)
    assert fills[0] != fills[1] and fills[2:] == fills[:2]
    assert "Z (96, 56, 56)" in svg


def test_lines_meet_the_tensors_and_stay_apart_at_the_operation():
    x, y, z = torch.zeros(8, 16, 16), torch.zeros(4, 16, 16), torch.zeros(2, 16, 16)
    svg = draw_tensors("concat", [("X", x), ("Y", y), ("Z", z)], [("All", [x, y, z])], "c").svg
    found = re.findall(r'<polyline points="([^"]*)"', svg)
    lines = [[tuple(map(float, p.split(","))) for p in points.split()] for points in found]
    *into, out = lines
    ends = [line[-1] for line in into]
    assert len({x for x, _ in ends}) == 1  # the box's left side
    assert [b - a for (_, a), (_, b) in zip(ends, ends[1:])] == pytest.approx([9, 9])
    sides = re.findall(r'<polygon points="([^"]*)" fill="#', svg)
    corners = {float(p.split(",")[0]) for points in sides for p in points.split()}
    assert {line[0][0] for line in into} <= corners  # on the back edge of a side
    assert out[-1][0] in corners  # on the front of the result


def test_lines_into_a_circle_come_from_above_and_below():
    x = torch.zeros(8, 16, 16)
    svg = draw_tensors("+", [("X", x), ("Y", x.clone())], [("Z", x + x)], "sum").svg
    ends = re.findall(r'([\d.]+),([\d.]+)" fill="none"', svg)
    (x0, above), (x1, below), _ = [(float(x), float(y)) for x, y in ends]
    assert x0 == x1 and below - above == pytest.approx(30)


def test_an_ellipsis_stands_for_tensors_that_are_not_drawn():
    x, y = torch.zeros(8, 16, 16), torch.zeros(4, 16, 16)
    inputs = [("X₁", x), ..., ("Xₙ", y)]
    svg = draw_tensors("concat", inputs, [("Y", [x, ..., y])], "n", shapes=False).svg
    assert svg.count("<circle") == 3 and ">…<" in svg
    assert svg.count("<polyline") == 3
    labels = re.findall(r">([^<>]+)</text>", svg)
    assert labels == ["concat", "X₁", "Xₙ", "Y", "…"]


def test_operations_have_the_colours_of_their_layers():
    x = torch.zeros(8, 16, 16)
    for name, kind in (("conv", "convolution"), ("FC", "fully connected"), ("copy", "other")):
        assert PALETTE[kind] in draw_tensors(name, [("X", x)], [("Z", x)], "one").svg


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "no tensors"),
        ([...], "no tensors"),
        ([("X", [...])], "no tensors"),
        ([("X", torch.zeros(2, 3, 8, 8))], r"X is \(2, 3, 8, 8\)"),
        ([("X", 3)], "X is 3; expected a tensor"),
        ([("X", torch.zeros(1, 8, 8)) for _ in range(7)], "8 tensors; expected at most 6"),
    ],
)
def test_what_is_no_tensor_of_an_image_is_not_drawn(inputs, message):
    with pytest.raises(ValueError, match=message):
        draw_tensors("+", inputs, [("Z", torch.zeros(1, 8, 8))], "sum")


def test_the_front_picture_is_drawn_from_the_networks():
    for name, draw in (("front", draw_front.front), ("ruler", draw_front.ruler)):
        stored = (draw_front.STATIC / f"{name}.svg").read_text(encoding="utf-8")
        assert stored == draw() + "\n"
