#!/usr/bin/env bash
# Makes tables for weft train of MovieLens 100k (Harper and Konstan, 2015): who rated what and when, titles and genres, and what
# 943 people told of themselves.
#
#   scripts/movielens.sh DIR
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes -r "$here/movielens-requirements.txt" -d "$work"
python3 -m zipfile -e "$work"/recbole-*.whl "$work"
from=$work/recbole/dataset_example/ml-100k
awk -F'\t' -v OFS=, 'NR == 1 { print "user,item,time" } NR > 1 { print $1, $2, int($4) }' "$from/ml-100k.inter" >"$1/interactions.csv"
awk -F'\t' -v OFS=, 'NR == 1 { print "user,age,gender,occupation" } NR > 1 { print $1, $2, $3, $4 }' "$from/ml-100k.user" >"$1/users.csv"
awk -F'\t' -v OFS=, 'NR == 1 { print "item,title,genres" } NR > 1 { gsub(/"/, "\"\"", $2); print $1, "\"" $2 "\"", "\"" $4 "\"" }' "$from/ml-100k.item" >"$1/items.csv"
wc -l "$1"/*.csv
