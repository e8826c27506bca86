#!/usr/bin/env bash
# plant.sh PATCH SOURCE OUT: a copy of one source file with one bug planted; the tree is not touched. Where the patch no
# longer applies the copy is as it was, so that the build goes on: the plant's test then finds nothing, and fails.
set -euo pipefail
patch=$1 source=$2 out=$3
mkdir -p "$(dirname "$out")"
cp "$source" "$out"
if ! patch -s --no-backup-if-mismatch -r - "$out" <"$patch" >/dev/null; then
    echo "plant.sh: $(basename "$patch") no longer applies to $source: refresh it" >&2
    cp "$source" "$out"
fi
