#!/usr/bin/env bash
# Two rooms that define one name: the linker takes whichever it meets first and says nothing.
#   symbols.sh NM FILE...   the archives and objects that are linked into one program; exit 1 if a name stands in two
set -euo pipefail
nm=$1
shift
# Weak symbols and reserved names (what sanitizers add) may be repeated. A line reads FILE:[MEMBER:]ADDRESS TYPE NAME.
"$nm" -A --defined-only --extern-only "$@" | awk '
    NF >= 3 && $(NF - 1) ~ /^[TDBRCG]$/ && $NF !~ /^__/ {
        split($1, where, ":")
        file = where[1] (where[2] ~ /\.o$/ ? "(" where[2] ")" : "")
        sub(/.*\//, "", file)
        files[$NF] = files[$NF] " " file
        count[$NF]++
        seen++
    }
    END {
        for (name in count) {
            if (count[name] > 1) {
                print "symbols: " name " is defined more than once:" files[name]
                breaches++
            }
        }
        if (!seen) {
            print "symbols: nm shows no symbol at all"
            exit 1
        }
        if (!breaches) print "symbols: " seen " names, each defined once"
        exit breaches > 0
    }'
