#!/usr/bin/env bash
# Makes sure of a Chromium for the browser tests; Firefox and WebKitGTK are used when they can be
# had: what cannot be installed of them costs a line of output and their tests, nothing else.
set -euo pipefail

have() {
    for name in "$@"; do
        if command -v "$name" >/dev/null; then return; fi
    done
    return 1
}

chromium=there optional=()
if ! have chromium chromium-browser google-chrome; then chromium=missing; fi
if ! have firefox-esr; then optional+=(firefox-esr); fi
if ! have WebKitWebDriver || ! have Xvfb; then optional+=(webkit2gtk-driver); fi
if [[ $chromium != missing && ${#optional[@]} == 0 ]]; then exit; fi

if ! have apt-get; then
    if [[ $chromium == missing ]]; then
        echo "The browser tests need Chromium, and there is no apt-get to install it; install it first" >&2
        exit 1
    fi
    echo "No apt-get: the browser tests go without ${optional[*]}"
    exit
fi

# Only for Chromium is it worth to ask for a password.
as_root=()
if [[ $(id -u) != 0 ]]; then
    as_root=(sudo)
    if [[ $chromium != missing ]]; then as_root=(sudo -n); fi
fi

install() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

"${as_root[@]}" apt-get update -qq || echo "apt-get update failed; going on with the lists that are here"
if [[ $chromium == missing ]]; then install chromium; fi
for package in "${optional[@]}"; do
    companions=()
    if [[ $package == webkit2gtk-driver ]]; then companions=(xvfb); fi
    install "$package" "${companions[@]}" ||
        echo "$package cannot be installed: the browser tests go without it"
done
