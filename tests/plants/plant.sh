#!/usr/bin/env bash
# Builds the daemon with one bug planted: plant.sh NAME FOLDER leaves the build in FOLDER/build, where a test finds it as
# ESCALATED_BUILD. The tree itself is not touched.
set -euo pipefail
cd "$(dirname "$0")/../.."
name=$1 folder=$2
patch=$PWD/tests/plants/$name.patch
mkdir -p "$folder/src"
git ls-files -z | tar -c --null -T - | tar -x -C "$folder/src"
patch -s -p1 -d "$folder/src" <"$patch"
cmake -G Ninja -S "$folder/src" -B "$folder/build" >/dev/null
ninja -C "$folder/build" --quiet escalated escalate channel_webhook channel_file test_disk
