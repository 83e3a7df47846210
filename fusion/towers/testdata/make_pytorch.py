"""Makes the model in pytorch/: an attending fusion written, and exported, with PyTorch.

    pip install torch==2.11.0 onnx==1.23.1 onnxscript==0.7.2 numpy==2.4.6
    python make_pytorch.py pytorch

What a product has (its identity, photo, text) attends to one vector, and so do the choices of a shopper. Beside the folder that
weft reads lies pytorch.json: what PyTorch itself gives for some inputs. Tables and inputs are those of make_elsewhere.py.
"""

import numpy as np
import onnx
import torch
from torch import nn
from torch.export import Dim

import make_elsewhere as base

WIDTH = 8  # of a token


def without_traces(path):
    """The exporter notes with every node where in whose files it was written: that is of no use elsewhere."""
    model = onnx.load(path)
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    onnx.save(model, path)


def unit(x):
    return x / x.norm(dim=-1, keepdim=True).clamp_min(1e-9)


class Attend(nn.Module):
    """Tokens [N, T, WIDTH] and who of them is there [N, T] to [N, WIDTH]: a learned question over self-attention."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.norm, self.question = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 1)

    def forward(self, tokens, there):
        asked = self.query(tokens) @ self.key(tokens).transpose(1, 2) / WIDTH**0.5
        asked = asked.masked_fill(there.unsqueeze(1) == 0, -1e9)
        tokens = self.norm(tokens + asked.softmax(-1) @ self.value(tokens))
        weight = self.question(tokens).squeeze(-1).masked_fill(there == 0, -1e9).softmax(-1)
        return (weight.unsqueeze(-1) * tokens).sum(1)


class Product(nn.Module):
    names = ["identity", "warm", "bias", "residual"] + [f"{part}.{m}" for m in base.MODALITIES for part in ("x", "has")]
    outputs = ["vector", "content", "source"]

    def __init__(self):
        super().__init__()
        self.identity = nn.Linear(base.TOWER, WIDTH)
        self.tokens = nn.ModuleList(nn.Linear(dim, WIDTH) for dim in base.MODALITIES.values())
        self.attend, self.rest = Attend(), nn.Linear(WIDTH + base.RANK + 1, base.DIM)
        self.content, self.source = nn.Linear(WIDTH, base.CONTENT), nn.Linear(WIDTH, base.SOURCES)

    def forward(self, identity, warm, bias, residual, image, has_image, text, has_text):
        has = [has_image, has_text]
        parts = [layer(x) * h for layer, x, h in zip(self.tokens, [image, text], has)]
        tokens = torch.stack([self.identity(identity * warm), *parts], 1)
        there = torch.cat([torch.ones_like(warm), *has], 1)
        v = self.rest(torch.cat([self.attend(tokens, there), residual, bias], -1))
        told = sum(parts)
        return unit(v), unit(self.content(told)), self.source(told)


class User(nn.Module):
    names, outputs = ["sources", "age", "mask"], ["vector"]

    def __init__(self):
        super().__init__()
        self.token, self.attend, self.rest = nn.Linear(base.SOURCES + 1, WIDTH), Attend(), nn.Linear(WIDTH, base.DIM)

    def forward(self, sources, age, mask):
        tokens = self.token(torch.cat([sources, torch.log1p(age).unsqueeze(-1)], -1))
        return (unit(self.rest(self.attend(tokens, mask))),)


class Exported:
    """Writes a module as NAME.onnx and answers like an ONNX session, by PyTorch."""

    def __init__(self, name, module, example, dynamic):
        self.module = module.eval()
        torch.onnx.export(module, example, base.OUT / f"{name}.onnx", input_names=module.names, output_names=module.outputs,
                          dynamic_shapes=dynamic, dynamo=True, external_data=False)
        without_traces(base.OUT / f"{name}.onnx")

    @torch.no_grad()
    def run(self, _, feed):
        return [x.numpy() for x in self.module(*(torch.from_numpy(feed[name]) for name in self.module.names))]


def product():
    module, n = Product(), Dim("batch")
    widths = [base.TOWER, 1, 1, base.RANK] + [w for dim in base.MODALITIES.values() for w in (dim, 1)]
    return Exported("product", module, tuple(torch.randn(3, w) for w in widths), tuple({0: n} for _ in widths))


def user():
    n, places = Dim("people"), Dim("places")
    example = (torch.randn(3, 4, base.SOURCES), torch.rand(3, 4), torch.ones(3, 4))
    return Exported("user", User(), example, ({0: n, 1: places}, {0: n, 1: places}, {0: n, 1: places}))


if __name__ == "__main__":
    torch.manual_seed(7)
    np.random.seed(7)
    base.main(product, user)
