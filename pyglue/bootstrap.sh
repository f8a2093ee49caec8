#!/usr/bin/env bash
# What a fresh machine lacks before pyglue can run, and the virtual environment .venv from the lock.
#   bootstrap.sh run    Python 3.11 or 3.12 with venv; and where no Docker daemon answers, a JDK 17 or 21, and Maven
#   bootstrap.sh test   the same, Chromium, what drives it, linters, and the development packages
#   bootstrap.sh bench  Python, JDK and Maven, and in .venv the program nginx, taken out of Debian's package
# On Debian and Ubuntu, root gets what is missing installed; anybody else, and any other system, gets it named.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
purpose=${1:-run}

# python: prints the name of a Python that will do, one with venv if there is one.
python() {
    local name with_venv=${1:-yes}
    for name in python3 python3.12 python3.11; do
        "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null || continue
        [[ $with_venv == no ]] || "$name" -c 'import ensurepip, venv' 2>/dev/null || continue
        echo "$name"
        return
    done
}

# java_fits: whether java and javac of a version that the services run on are there.
java_fits() {
    local major
    command -v javac >/dev/null || return 1
    major=$(javac -version 2>&1 | sed -nE 's/^javac ([0-9]+).*/\1/p')
    [[ $major == 17 || $major == 21 ]]
}

# has_docker: whether the stack will run in containers, which bring what they need. pyglue decides in the same way.
has_docker() {
    [[ ${PYGLUE_ENGINE:-auto} != native ]] && docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1
}

# has_browser: whether a browser is there, or no package of one. Ubuntu has just a snap: its tests are skipped then.
has_browser() {
    local name
    for name in chromium chromium-browser google-chrome; do
        ! command -v "$name" >/dev/null || return 0
    done
    command -v apt-cache >/dev/null && ! apt-cache show chromium >/dev/null 2>&1
}

# has_libatomic: whether the library is there that the node inside the package playwright is linked against.
has_libatomic() {
    local file
    for file in /usr/lib*/libatomic.so.1 /usr/lib*/*/libatomic.so.1; do
        [[ -e $file ]] && return
    done
    return 1
}

# has_nginx: whether the program is there, or was fetched before.
has_nginx() {
    [[ -x .venv/bin/nginx ]] || command -v nginx >/dev/null
}

# fetch_nginx: nginx's program into .venv. The package is not installed: that would start a web server on port 80.
fetch_nginx() {
    local scratch
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        echo "pyglue needs nginx for this, under whatever name this system has for it" >&2
        exit 1
    fi
    echo "Fetching nginx" >&2
    scratch=$(mktemp -d)
    [[ $(id -u) != 0 ]] || apt-get update >/dev/null 2>&1 || echo "apt-get update failed; going on with the lists that are there" >&2
    if ! (cd "$scratch" && apt-get -o APT::Sandbox::User=root download nginx && dpkg-deb -x nginx_*.deb .) >"$scratch/log" 2>&1; then
        tail -5 "$scratch/log" >&2
        rm -rf -- "$scratch"
        echo "try: sudo apt-get update" >&2
        exit 1
    fi
    mv "$scratch/usr/sbin/nginx" .venv/bin/nginx
    rm -rf -- "$scratch"
}

# python_package: prints the Debian package of a Python that will do. Debian ships Python without venv.
python_package() {
    local found version
    found=$(python no)
    if [[ -n $found ]]; then
        "$found" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
        return
    fi
    for version in 3.11 3.12; do
        ! apt-cache show "python$version-venv" >/dev/null 2>&1 || break
    done
    echo "python$version-venv"
}

# missing: prints the Debian packages that this machine lacks for the purpose.
missing() {
    [[ -n $(python yes) ]] || python_package
    if [[ $purpose == run ]] && has_docker; then
        return
    fi
    java_fits || { apt-cache show openjdk-17-jdk-headless >/dev/null 2>&1 && echo openjdk-17-jdk-headless || echo openjdk-21-jdk-headless; }
    command -v mvn >/dev/null || echo maven
    if [[ $purpose == test ]]; then
        has_browser || echo chromium
        has_libatomic || echo libatomic1
        command -v shellcheck >/dev/null || echo shellcheck
        command -v openssl >/dev/null || echo openssl
        [[ -x .venv/bin/actionlint ]] || command -v go >/dev/null || echo golang-go
    fi
}

# install_packages NAME...: as root with apt; else says what to type and ends.
install_packages() {
    local log
    if ! command -v apt-get >/dev/null; then
        echo "pyglue needs these, under whatever names this system has for them: $*" >&2
        exit 1
    fi
    if [[ -z $(python no) ]] && ! apt-cache show python3.1{1,2}-venv >/dev/null 2>&1; then
        echo "pyglue needs Python 3.11 or 3.12, and apt knows neither here. Try: sudo apt-get update" >&2
        echo "If that does not help, put one into PATH as python3.12, for example with: uv python install 3.12" >&2
        exit 1
    fi
    if [[ $(id -u) != 0 ]]; then
        echo "pyglue needs some packages of this system. Type this, then make again:" >&2
        echo "  sudo apt-get update && sudo apt-get install -y $*" >&2
        exit 1
    fi
    echo "Installing $*" >&2
    log=$(mktemp)
    if ! DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >"$log" 2>&1; then
        tail -20 "$log" >&2
        rm -f "$log"
        echo "try: apt-get update && apt-get install -y $*" >&2
        exit 1
    fi
    rm -f "$log"
}

mapfile -t packages < <(missing)
if [[ ${#packages[@]} -gt 0 && $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    apt-get update >/dev/null 2>&1 || echo "apt-get update failed; going on with the lists that are there" >&2
    mapfile -t packages < <(missing) # with fresh lists the names may be others
fi
[[ ${#packages[@]} -eq 0 ]] || install_packages "${packages[@]}"

lock=requirements.txt
[[ $purpose == test ]] && lock=requirements-dev.txt
# The mark holds what the environment was made from. The development lock covers the other one.
mark=$(cat pyproject.toml "$lock" | sha256sum | cut -d' ' -f1)
covers=$(cat pyproject.toml requirements-dev.txt | sha256sum | cut -d' ' -f1)
have=$(cat .venv/pyglue-lock 2>/dev/null || true)
if [[ $have != "$mark" && $have != "$covers" ]]; then
    echo "Making .venv from $lock" >&2
    [[ -x .venv/bin/python ]] || "$(python yes)" -m venv --clear .venv
    rm -f .venv/pyglue-lock
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
    echo "$mark" >.venv/pyglue-lock
fi

# The linter of GitHub's workflows is no Python package; Go builds it from its sources.
actionlint=v1.7.7
if [[ $purpose == test && ! -x .venv/bin/actionlint ]]; then
    echo "Making actionlint" >&2
    GOBIN=$PWD/.venv/bin GOFLAGS=-mod=mod go install "github.com/rhysd/actionlint/cmd/actionlint@$actionlint"
fi

if [[ $purpose == bench ]] && ! has_nginx; then
    fetch_nginx
fi
