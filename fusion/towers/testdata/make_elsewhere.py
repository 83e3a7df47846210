"""Makes the model in elsewhere/: a fusion of another kind than weft's own, written with Python's onnx package.

    pip install onnx==1.23.2 numpy==2.4.6
    python make_elsewhere.py elsewhere

A layer with normalisation makes products, attention over the history makes shoppers. Beside the folder that weft reads lies
elsewhere.json: what onnx's own reference implementation gives for some inputs. Runs again give the same files.
"""

import hashlib
import json
import pathlib
import sys

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

OUT = pathlib.Path(sys.argv[1])
DIM, TOWER, RANK, SOURCES, HIDDEN, CONTENT = 16, 4, 3, 5, 12, 7
MODALITIES = {"image": 8, "text": 6}
PRODUCTS = 10  # of which the last two were had by nobody
random = np.random.default_rng(7)


def weight(name, *shape):
    return numpy_helper.from_array((random.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32), name)


def value(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def write(name, nodes, inputs, outputs, weights):
    graph = helper.make_graph(nodes, name, inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="elsewhere")
    checker.check_model(model, full_check=True)
    (OUT / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))
    return ReferenceEvaluator(model)


def unit(of, to):
    return [
        helper.make_node("ReduceL2", [of], [f"{to}.length"], axes=[-1], keepdims=1),
        helper.make_node("Max", [f"{to}.length", "tiny"], [f"{to}.floor"]),
        helper.make_node("Div", [of, f"{to}.floor"], [to]),
    ]


def product():
    n = "batch"
    inputs = [value("identity", n, TOWER), value("warm", n, 1), value("bias", n, 1), value("residual", n, RANK)]
    nodes, seen = [helper.make_node("Mul", ["identity", "warm"], ["own"])], []
    for name, dim in MODALITIES.items():
        inputs += [value(f"x.{name}", n, dim), value(f"has.{name}", n, 1)]
        nodes.append(helper.make_node("Mul", [f"x.{name}", f"has.{name}"], [f"on.{name}"]))
        seen.append(f"on.{name}")
    width = TOWER + RANK + 1 + sum(MODALITIES.values())
    nodes += [
        helper.make_node("Concat", ["own", "residual", "bias", *seen], ["all"], axis=1),
        helper.make_node("Gemm", ["all", "w1", "b1"], ["wide"], transB=1),
        helper.make_node("LayerNormalization", ["wide", "scale", "shift"], ["even"], axis=-1),
        helper.make_node("Relu", ["even"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "w2"], ["long"], transB=1),
        *unit("long", "vector"),
        helper.make_node("Concat", seen, ["features"], axis=1),
        helper.make_node("Gemm", ["features", "wc", "bc"], ["told"], transB=1),
        *unit("told", "content"),
        helper.make_node("Gemm", ["features", "ws"], ["source"], transB=1),
    ]
    weights = [
        weight("w1", HIDDEN, width), weight("b1", HIDDEN), weight("w2", DIM, HIDDEN),
        weight("wc", CONTENT, sum(MODALITIES.values())), weight("bc", CONTENT), weight("ws", SOURCES, sum(MODALITIES.values())),
        numpy_helper.from_array(np.ones(HIDDEN, np.float32), "scale"), numpy_helper.from_array(np.zeros(HIDDEN, np.float32), "shift"),
        numpy_helper.from_array(np.array([1e-9], np.float32), "tiny"),
    ]
    outputs = [value("vector", n, DIM), value("content", n, CONTENT), value("source", n, SOURCES)]
    return write("product", nodes, inputs, outputs, weights)


def user():
    n, length = "people", "places"
    inputs = [value("sources", n, length, SOURCES), value("age", n, length), value("mask", n, length)]
    nodes = [
        helper.make_node("MatMul", ["sources", "ask"], ["asked"]),
        helper.make_node("Squeeze", ["asked", "two"], ["said"]),
        helper.make_node("Mul", ["age", "fade"], ["faded"]),
        helper.make_node("Sub", ["said", "faded"], ["logit"]),
        helper.make_node("Greater", ["mask", "none"], ["there"]),
        helper.make_node("Where", ["there", "logit", "never"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["attention"], axis=-1),
        helper.make_node("Unsqueeze", ["attention", "one"], ["row"]),
        helper.make_node("MatMul", ["row", "sources"], ["mixed"]),
        helper.make_node("Squeeze", ["mixed", "one"], ["pooled"]),
        helper.make_node("Gemm", ["pooled", "w", "b"], ["long"], transB=1),
        *unit("long", "vector"),
    ]
    number = lambda name, x, kind=np.float32: numpy_helper.from_array(np.array([x], kind), name)
    weights = [
        weight("ask", SOURCES, 1), weight("w", DIM, SOURCES), weight("b", DIM), number("fade", 0.02), number("none", 0),
        number("never", -1e9), number("tiny", 1e-9), number("one", 1, np.int64), number("two", 2, np.int64),
    ]
    return write("user", nodes, inputs, [value("vector", n, DIM)], weights)


def main(product, user):
    OUT.mkdir(exist_ok=True)
    tables = {
        "identity.npy": random.standard_normal((PRODUCTS, TOWER)), "bias.npy": random.standard_normal((PRODUCTS, 1)),
        "residual.npy": random.standard_normal((PRODUCTS, RANK)), "sources.npy": random.standard_normal((PRODUCTS, SOURCES)),
        "counts.npy": np.array([[i + 1 if i < PRODUCTS - 2 else 0] for i in range(PRODUCTS)]),
    }
    tables = {name: table.astype(np.float32) for name, table in tables.items()}
    for name, table in tables.items():
        np.save(OUT / name, table)
    ids = [f"p{i}" for i in range(PRODUCTS)]
    (OUT / "items.ids.txt").write_text("".join(f"{i}\n" for i in ids))
    cold = {"cold_bias": 0.5, "cold_residual": [0.25, -0.5, 0.125]}
    products, users = product(), user()

    features = {name: random.standard_normal((PRODUCTS + 1, dim)).astype(np.float32) for name, dim in MODALITIES.items()}
    for rows in features.values():  # as features are pooled
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    has = {"image": np.array([[i % 3 != 1] for i in range(PRODUCTS + 1)], np.float32), "text": np.ones((PRODUCTS + 1, 1), np.float32)}
    known = np.array([[i < PRODUCTS - 2] for i in range(PRODUCTS + 1)], np.float32)  # the last row is a product that came later

    def rows(name, cold):
        own = np.vstack([tables[name], np.zeros((1, tables[name].shape[1]), np.float32)])
        return np.where(known > 0, own, np.array(cold, np.float32))

    feed = {"identity": rows("identity.npy", 0), "warm": known, "bias": rows("bias.npy", cold["cold_bias"]), "residual": rows("residual.npy", cold["cold_residual"])}
    for name in MODALITIES:
        feed[f"x.{name}"], feed[f"has.{name}"] = features[name] * has[name], has[name]
    vector, content, source = products.run(None, feed)

    histories = [[0, 3], [10, 1, 2, 9, 5], [7]]  # rows; 9 and 10 bring sources of their own
    ages = [[0, 30], [1, 2, 3, 4, 90], [0]]  # days
    longest = max(map(len, histories))
    sources, age, mask = np.zeros((3, longest, SOURCES), np.float32), np.zeros((3, longest), np.float32), np.zeros((3, longest), np.float32)
    for u, history in enumerate(histories):
        for k, i in enumerate(history):
            sources[u, k] = tables["sources.npy"][i] if i < PRODUCTS - 2 else source[i]
            age[u, k], mask[u, k] = ages[u][k], 1
    shoppers = users.run(None, {"sources": sources, "age": age, "mask": mask})[0]

    plain = lambda table: [[round(float(x), 7) for x in row] for row in table]
    expected = {
        "features": {name: [row if h[0] else None for row, h in zip(plain(features[name]), has[name])] for name in MODALITIES},
        "vector": plain(vector), "content": plain(content), "source": plain(source), "histories": histories, "ages": ages, "users": plain(shoppers),
    }
    (OUT.parent / f"{OUT.name}.json").write_text(json.dumps(expected) + "\n")
    digests = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(OUT.iterdir()) if p.name != "manifest.json"}
    manifest = {
        "format": 1, "created": "2026-01-01T00:00:00Z", "dim": DIM, "scale": 1, **cold, "tower_dim": TOWER, "rank": RANK, "source_dim": SOURCES,
        "modalities": [{"name": name, "dim": dim} for name, dim in MODALITIES.items()], "blocks": [], "now": 1_700_000_000_000, "files": digests,
    }
    (OUT / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main(product, user)
