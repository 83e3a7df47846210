"""Measures the reference tokenizer and writes what this package needs of it.

    python3 -m venv v && v/bin/pip install 'tokenizers==0.23.3'
    v/bin/python reference.py        (in this folder; a quarter of a minute)

Writes ../unicode.txt (the properties the tokenizer runs on) and, for the tests,
codepoints.txt (a checksum of the ids of every code point) and contexts.jsonl.gz
(lines in which code points act on each other) and variants.jsonl (those lines
under every setting of the normaliser). Nothing is taken from the Unicode
database: every property is what the reference was seen to do.
"""
import gzip, json, random, zlib
from tokenizers import Tokenizer, normalizers, pre_tokenizers

VOCABULARY = "../../models/builtin/minilm-tokenizer.json"
ALL = [o for o in range(0x110000) if not 0xD800 <= o < 0xE000]


def bert(**on):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**off, **on}).normalize_str


def measure():
    clean, cjk = bert(clean_text=True), bert(handle_chinese_chars=True)
    strip, lower = bert(strip_accents=True), bert(lowercase=True)
    nfd, split = normalizers.NFD().normalize_str, pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    sets = {k: [] for k in ("control", "blank", "space", "punct", "han", "mark")}
    decompose, fold, order = {}, {}, {}
    for o in ALL:
        c = chr(o)
        s = "a" + c + "b"
        cleaned = clean(s)
        if cleaned == "ab":
            sets["control"].append(o)
        elif cleaned == "a b" and c != " ":
            sets["blank"].append(o)
        else:
            assert cleaned == s
        spaced = cjk(s)
        if spaced == "a " + c + " b":
            sets["han"].append(o)
        else:
            assert spaced == s
        pieces = [p for p, _ in split(s)]
        if pieces == ["a", "b"]:
            sets["space"].append(o)
        elif pieces == ["a", c, "b"]:
            sets["punct"].append(o)
        else:
            assert pieces == [s]
        apart = nfd(c)
        if apart != c:
            if not 0xAC00 <= o < 0xD7A4:
                decompose[o] = apart
        elif nfd(c + "\u0334") != c + "\u0334" or nfd("\u0345" + c) != "\u0345" + c:
            order[o] = None
        if apart == c and strip(c) == "":
            sets["mark"].append(o)
        small = lower(c)
        if small != c:
            fold[o] = small
    marks = set(sets["mark"])
    for o in ALL:  # a decomposition is taken apart once: its parts stay whole
        assert strip(chr(o)) == "".join(c for c in nfd(chr(o)) if ord(c) not in marks)
    for i in range(11172):
        l, v, t = 0x1100 + i // 588, 0x1161 + i % 588 // 28, 0x11A7 + i % 28
        assert nfd(chr(0xAC00 + i)) == chr(l) + chr(v) + (chr(t) if t > 0x11A7 else "")
    # Combining classes, as ranks: two nonstarters swap if and only if their ranks fall.
    classes = []
    for o in sorted(order):
        c = chr(o)
        for members in classes:
            m = chr(members[0])
            if nfd(c + m) == c + m and nfd(m + c) == m + c:
                members.append(o)
                break
        else:
            classes.append([o])
    from functools import cmp_to_key
    classes.sort(key=cmp_to_key(lambda a, b: -1 if nfd(chr(b[0]) + chr(a[0])) == chr(a[0]) + chr(b[0]) else 1))
    for rank, members in enumerate(classes, 1):
        for o in members:
            order[o] = rank
    return sets, decompose, fold, order


def runs(pairs, same):
    out = []
    for o, v in pairs:
        if out and out[-1][1] == o - 1 and same(out[-1], o, v):
            out[-1][1] = o
        else:
            out.append([o, o, v])
    return out


def span(a, b):
    return f"{a:x}" if a == b else f"{a:x}-{b:x}"


def write_properties(path):
    sets, decompose, fold, order = measure()
    points = lambda s: " ".join(f"{ord(c):x}" for c in s)
    with open(path, "w") as f:
        f.write("# Unicode as tokenizers 0.23.3 sees it; written by testdata/reference.py.\n")
        f.write("# SET FIRST[-LAST] | order FIRST[-LAST] RANK | fold FIRST[-LAST] +-SHIFT or = POINTS | nfd POINT POINTS\n")
        for name, members in sets.items():
            for a, b, _ in runs([(o, None) for o in members], lambda *_: True):
                f.write(f"{name} {span(a, b)}\n")
        for a, b, rank in runs(sorted(order.items()), lambda run, o, v: run[2] == v):
            f.write(f"order {span(a, b)} {rank}\n")
        shift = [(o, ord(s) - o if len(s) == 1 else s) for o, s in sorted(fold.items())]
        for a, b, v in runs(shift, lambda run, o, v: run[2] == v):
            f.write(f"fold {span(a, b)} " + (f"{v:+d}\n" if isinstance(v, int) else f"= {points(v)}\n"))
        for o, s in sorted(decompose.items()):
            f.write(f"nfd {o:x} {points(s)}\n")
    return sets, decompose, fold, order


def reference():
    t = Tokenizer.from_file(VOCABULARY)
    t.no_truncation()
    t.no_padding()
    return t


def write_codepoints(path, t):
    """CRC-32 over the ids (little-endian uint16) of "a<c>b" for c in each page of 256."""
    sums = {}
    for page in range(0x1100):
        at = [o for o in range(page << 8, page + 1 << 8) if not 0xD800 <= o < 0xE000]
        crc = 0
        for e in t.encode_batch(["a" + chr(o) + "b" for o in at]):
            crc = zlib.crc32(b"".join(i.to_bytes(2, "little") for i in e.ids), crc)
        sums[page] = crc
    with open(path, "w") as f:
        f.write("# pages of 256 code points and the CRC-32 of their ids; see reference.py\n")
        for a, b, crc in runs(sorted(sums.items()), lambda run, o, v: run[2] == v):
            f.write(f"{span(a, b)} {crc:08x}\n")


def write_contexts(path, t, sets, decompose, fold, order):
    rnd = random.Random(20261123)
    surviving = sorted(set(order) - set(sets["mark"]))
    pools = [surviving, sorted(order), sets["mark"], sorted(decompose), sorted(fold), sets["control"][:400],
             sets["space"], sets["punct"], sets["han"][::97], list(range(0xAC00, 0xD7A4, 41)), list(range(32, 127))]
    words = ["[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]", "[cls]", "[CL\0S]", "[", "##", "a", "unaffable", "x" * 99, "x" * 100,
             "x" * 101, "\u00e9" * 100, "\0", "\r\n", "\ufffd"]
    with gzip.GzipFile(path, "wb", mtime=0) as f:
        for _ in range(2000):
            focus = rnd.sample(pools, 2)
            s = ""
            for _ in range(rnd.randrange(1, 24)):
                if rnd.random() < 0.2:
                    s += rnd.choice(words)
                else:
                    s += chr(rnd.choice(rnd.choice(focus)))
            f.write((json.dumps({"text": s, "ids": t.encode(s).ids}) + "\n").encode())


def write_variants(path, contexts):
    """CRC-32 over the ids of all context lines, for every setting of the normaliser."""
    spec = json.load(open(VOCABULARY))
    spec["truncation"] = spec["padding"] = None
    texts = [json.loads(line)["text"] for line in gzip.open(contexts)]
    out = []
    for clean in (True, False):
        for han in (True, False):
            for strip in (None, True, False):
                for low in (True, False):
                    n = dict(type="BertNormalizer", clean_text=clean, handle_chinese_chars=han, strip_accents=strip, lowercase=low)
                    spec["normalizer"] = n
                    crc = 0
                    for e in Tokenizer.from_str(json.dumps(spec)).encode_batch(texts):
                        crc = zlib.crc32(b"".join(i.to_bytes(2, "little") for i in e.ids), crc)
                    out.append(json.dumps({"normalizer": n, "crc32": f"{crc:08x}"}))
    with open(path, "w") as f:
        f.write("\n".join(out) + "\n")


if __name__ == "__main__":
    found = write_properties("../unicode.txt")
    t = reference()
    write_codepoints("codepoints.txt", t)
    write_contexts("contexts.jsonl.gz", t, *found)
    write_variants("variants.jsonl", "contexts.jsonl.gz")
