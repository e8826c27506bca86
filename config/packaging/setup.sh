# Sourced by config/try and tests/run: Debian packages that are missing, and one way to build.
# shellcheck shell=bash

# packages_missing LIST...: prints what the lists name and this machine lacks, one a line.
packages_missing() {
    local name installed
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n')
    while read -r name; do
        case "$name" in '' | '#'*) continue ;; esac
        # `package|command`: the package is wanted unless the command is there already.
        if [[ $name == *'|'* ]]; then
            ! command -v "${name#*|}" >/dev/null 2>&1 || continue
            name=${name%%|*}
        fi
        [[ $'\n'$installed$'\n' == *$'\n'"installed $name"$'\n'* ]] || echo "$name"
    done < <(cat "$@")
}

# install_packages LIST...: what the lists name and this machine lacks. Root, or sudo, is needed only then.
install_packages() {
    local missing by_hand as_root=()
    command -v dpkg-query >/dev/null 2>&1 || {
        echo "this is not Debian (no dpkg-query); install what $* name in your system's way and use cmake" >&2
        return 1
    }
    mapfile -t missing < <(packages_missing "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    by_hand="apt-get update && apt-get install --no-install-recommends ${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || {
            printf 'Debian packages are missing, and without sudo only root can install them. As root:\n  %s\nThen run this again.\n' \
                "$by_hand" >&2
            return 1
        }
        as_root=(sudo)
    fi
    echo "installing Debian packages (some minutes, depending on the network): ${missing[*]}"
    local log code=0
    log=$(mktemp)
    # sudo passes no environment on, so env stands behind it.
    "${as_root[@]}" apt-get update -qq >"$log" 2>&1 &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            "${missing[@]}" >>"$log" 2>&1 || code=$?
    if [ $code -ne 0 ]; then
        tail -n 20 "$log" >&2
        printf 'The packages could not be installed (exit code %s). By hand, as root:\n  %s\n' $code "$by_hand" >&2
    fi
    rm -f "$log"
    return $code
}

# build DIR CMAKE_OPTION...: configure once, then build what changed.
build() {
    local dir=$1
    shift
    if [ ! -f "$dir/build.ninja" ]; then
        cmake -G Ninja -S . -B "$dir" "$@" >/dev/null || return 1
    fi
    ninja -C "$dir" --quiet
}
