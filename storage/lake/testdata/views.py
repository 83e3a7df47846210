"""Prints one view of a lake as JSON lines, ordered by key: views.py SCRIPT LAKE VIEW."""
import json
import sys

import duckdb

script, lake, view = sys.argv[1:]
db = duckdb.connect()
db.execute("SET VARIABLE lake = '%s'" % lake.replace("'", "''"))
db.execute(open(script).read())
kinds = dict(db.execute("SELECT column_name, column_type FROM (DESCRIBE %s)" % view).fetchall())
columns = ", ".join(
    "epoch_us(%s) AS %s" % (n, n) if n == "written" else "epoch_ms(%s) AS %s" % (n, n) if k.startswith("TIMESTAMP") else n
    for n, k in kinds.items()
)
rows = db.execute("SELECT %s FROM %s ORDER BY key" % (columns, view))
names = [d[0] for d in rows.description]
print(json.dumps(kinds))
for row in rows.fetchall():
    print(json.dumps(dict(zip(names, row))))
