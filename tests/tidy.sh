#!/usr/bin/env bash
# The house rules a machine can see: which folder includes which, banned functions, file sizes, what standalone headers
# need. Prints every breach; exit 1 if there is one.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
breaches=0
breach() {
    echo "tidy: $*"
    breaches=$((breaches + 1))
}

# allowed FOLDER REGEX: what a quoted include in FOLDER may begin with.
allowed() {
    local folder=$1 pattern=$2 line
    while IFS= read -r line; do
        breach "$line (a file of $folder may include $pattern)"
    done < <(grep -nE '^#include "' "$folder"/*.c "$folder"/*.h 2>/dev/null | grep -vE "#include \"($pattern)")
}
allowed gateway/base 'gateway/base/'
allowed gateway/system 'gateway/(base|system)/'
allowed policies 'gateway/base/|policies/'
allowed gateway/handoff 'gateway/(base|system|handoff)/|policies/'
allowed gateway/store 'gateway/(base|system|store)/|policies/|schema_'
allowed gateway/http 'gateway/(base|system|http)/'
allowed gateway/worker 'gateway/(base|system|worker)/'
allowed gateway/calendar 'gateway/(base|system|calendar)/'
allowed gateway/config 'gateway/(base|system|calendar|config)/|policies/|channels/channel\.h'
allowed gateway/reply 'gateway/(base|system|reply)/|gateway/store/store_read\.h|policies/'
allowed gateway/intake 'gateway/(base|system|calendar|config|http|reply|handoff|intake)/|policies/|gateway/store/store_read\.h'
allowed gateway/api 'gateway/(base|system|config|http|reply|handoff|api)/|policies/|gateway/store/store_read\.h'
allowed gateway/engine 'gateway/(base|system|config|handoff|engine)/|gateway/store/store\.h|policies/'
allowed gateway/delivery 'gateway/(base|system|config|handoff|worker|delivery)/|policies/|channels/channel\.h'
allowed gateway/cli 'gateway/(base|system|config|reply|engine|store|cli)/|policies/'
allowed channels 'channels/|gateway/(base|system)/|gateway/worker/smtp_wire\.h'
allowed channels/support 'channels/|gateway/(base|system)/'

while IFS= read -r line; do
    breach "$line (channel.h includes nothing but stddef.h and stdint.h)"
done < <(grep -nE '^#include' channels/channel.h | grep -vE '<(stddef|stdint)\.h>')

# policies/ is pure: nothing that reads a clock, a file, the environment or chance.
while IFS= read -r line; do
    breach "$line (policies/ is pure)"
done < <(grep -nE '\b(time|clock_gettime|gettimeofday|getenv|fopen|open|read|write|rand|random|getrandom|pthread_[a-z]+|printf|malloc|free)\(' policies/*.c)

banned='strcpy|strcat|strncpy|sprintf|strtok|atoi|gets|alloca|system|popen|localtime|gmtime|strerror'
while IFS= read -r line; do
    breach "$line (banned function)"
done < <(grep -nE "(^|[^_a-zA-Z>.])($banned)\(" gateway/*.c gateway/*/*.c policies/*.c channels/*.c channels/*/*.c)

while IFS= read -r line; do
    breach "$line"
done < <(git ls-files '*.c' '*.h' | xargs clang-format --dry-run 2>&1 | grep -E 'warning:|rror:|not found')

git ls-files --error-unmatch CMakeLists.txt >/dev/null || breach "git lists no files here, so most rules went unchecked"

while IFS= read -r file; do
    lines=$(wc -l <"$file")
    most=600
    case $file in tests/unit/*) most=1000 ;; esac # tables of cases are long without being complicated
    [ "$lines" -le $most ] || breach "$file has $lines lines, want at most $most"
done < <(git ls-files '*.c' '*.h' '*.py' '*.mjs' '*.sh')

while IFS= read -r file; do
    [ -f "$(dirname "$file")/README.md" ] || breach "$(dirname "$file") has no README.md"
done < <(git ls-files 'gateway/*/*.h' 'policies/*.h' 'channels/*.h' 'tests/*/*' 'config/*/*' | awk -F/ 'NF <= 3' |
    awk -F/ '{ print $1 "/" $2 }' | sort -u | while read -r dir; do [ -d "$dir" ] && echo "$dir/x"; done)

while IFS= read -r line; do
    breach "$line (finish it or leave it out)"
done < <(grep -nE '\b(TODO|FIXME|XXX)\b' -r gateway policies channels tests config --include='*.[chp]*' --exclude=tidy.sh 2>/dev/null | grep -v node_modules)

# Debian 12 has Node 18, and a lock file that names a registry's host works only where that host is reached.
while IFS= read -r line; do
    breach "tests/package-lock.json:$line (want a version that runs on Node 18, and no resolved addresses)"
done < <(grep -nE '"resolved"|"node": "(>=|\^)? *(19|[2-9][0-9])' tests/package-lock.json)

# What cannot be planted any more would be noticed by the long runs only.
while IFS= read -r patch; do
    patch --dry-run -s -p1 <"$patch" >/dev/null || breach "$patch does not fit the code any more"
done < <(git ls-files 'tests/plants/*.patch')

[ $breaches -eq 0 ] && echo "tidy: nothing to say"
exit $((breaches > 0))
