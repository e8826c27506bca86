#!/bin/sh
# check.sh ESCALATE FOLDER: plays the folder's scenario against what must come out; exit 1 and a diff when it differs.
exec "$1" simulate --config "$2" --expect "$2/expected.jsonl" <"$2/scenario.jsonl"
