# Sourced by config/try and tests/run: Debian packages that are missing, and one way to build.
# shellcheck shell=bash

# install_packages LIST...: what the lists name and this machine lacks. Root, or sudo, is needed only then.
install_packages() {
    local missing=() name
    while read -r name; do
        case "$name" in '' | '#'*) continue ;; esac
        # `a|b`: the first is installed unless one of the commands or packages is there.
        if [[ $name == *'|'* ]]; then
            command -v "${name#*|}" >/dev/null 2>&1 && continue
            name=${name%%|*}
        fi
        dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
    done < <(cat "$@")
    [ ${#missing[@]} -eq 0 ] && return 0
    echo "installing Debian packages: ${missing[*]}"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || {
            echo "these packages are missing and only root can install them: ${missing[*]}" >&2
            return 1
        }
        as_root=(sudo)
    fi
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get update -qq &&
        "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
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
