"""Recommendations from Redis alone, as the API gives them: python recommend.py REDIS-URL USER [K] [BOUGHT,...] [TENANT]"""
import math, sys
import numpy as np, redis

url, user, k, bought, tenant = sys.argv[1], sys.argv[2], int((sys.argv + [10] * 4)[3]), set("".join(sys.argv[4:5]).split(",")), (sys.argv[5:6] or ["default"])[0]
r = redis.Redis.from_url(url)
live = r.get(f"weft:{tenant}:live").decode()  # absent: do not read
prefix = f"weft:{tenant}:{live}:product:"
ids, rows, categories = [], [], []
for key in r.scan_iter(prefix + "*", count=1000):
    vector, category = r.hmget(key, "vector", "category")
    if vector:  # a deleted product has none
        ids.append(key.decode()[len(prefix):]), rows.append(np.frombuffer(vector, "<f4")), categories.append(category)
me = np.frombuffer(r.hget(f"weft:{tenant}:{live}:user:{user}", "vector"), "<f4")
scores = np.stack(rows) @ me
order = [i for i in sorted(range(len(ids)), key=lambda i: (-scores[i], ids[i])) if ids[i] not in bought]
most, taken, first, rest = math.ceil(k * 4 / 5), {}, [], []
for i in order:  # at most four fifths of a list share a category
    full = categories[i] and taken.get(categories[i], 0) >= most
    (rest if full else first).append(i)
    taken[categories[i]] = taken.get(categories[i], 0) + 1
chosen = first[:k] + rest[: max(0, k - len(first))]
for i in chosen:
    print(ids[i], f"{scores[i]:.6f}")
