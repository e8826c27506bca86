#!/bin/sh
# check.sh SPIN CC SOURCE: the model holds, and each planted mistake is found.
set -eu
spin=$1 cc=$2 source=$3
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
cd "$room"

# search GENERATE-OPTIONS COMPILE-OPTIONS RUN-OPTIONS: prints the number of errors, 0 or 1; a search that did not end is none.
search() {
    rm -f pan pan.*
    # shellcheck disable=SC2086 # options are lists of words
    "$spin" $1 -a "$source" >spin.log 2>&1 || { cat spin.log >&2; return 1; }
    # shellcheck disable=SC2086
    "$cc" -O2 -w -DCOLLAPSE -DMEMLIM=2000 $2 -o pan pan.c
    # shellcheck disable=SC2086
    ./pan -m200000 $3 >pan.log
    grep -q 'max search depth too small\|out of memory\|Search not completed' pan.log &&
        ! grep -q 'errors: 1' pan.log && { cat pan.log >&2; return 1; }
    sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.log
}

safety='-DSAFETY -DNOCLAIM'
liveness='-DNFAIR=3'

[ "$(search '' "$safety" '')" = 0 ] || { cat pan.log; echo "an assertion of the model fails"; exit 1; }
[ "$(search '-DLIVENESS -DOPENINGS=1' "$liveness" '-a -f')" = 0 ] || {
    cat pan.log
    echo "a triggered incident can fall silent"
    exit 1
}
for bug in ACK_KEEPS_PAGES CLAIM_UNSEEN STEP_TWICE ANSWER_EARLY NO_RECALL LAPSE_SILENT RESOLVE_REOPENS; do
    [ "$(search "-DBUG_$bug" "$safety" '')" = 1 ] || { echo "planted and not found: $bug"; exit 1; }
    echo "planted and found: $bug"
done
[ "$(search '-DLIVENESS -DOPENINGS=1 -DBUG_NO_FALLBACK' "$liveness" '-a -f')" = 1 ] || {
    echo "planted and not found: NO_FALLBACK"
    exit 1
}
echo "planted and found: NO_FALLBACK"
