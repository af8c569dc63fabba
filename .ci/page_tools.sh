# Bring what pictures' and the page's checks need and the system may lack: Graphviz, Node with npm,
# and Debian's Chromium.
# Sourced by `.ci/run`; installs only as root and with apt-get, and says what is missing otherwise.

browser_program() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

bring_page_tools() {
    local missing=()
    command -v node >/dev/null && command -v npm >/dev/null || missing+=(nodejs npm)
    browser_program >/dev/null || missing+=(chromium fonts-dejavu-core)
    command -v dot >/dev/null || missing+=(graphviz)
    if [ ${#missing[@]} -eq 0 ]; then return; fi
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "missing: ${missing[*]}; install them and run again" >&2
        return 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends -y "${missing[@]}"
}

# Build the page's template anew; fail where it differs from the one that is checked in.
rebuild_page() {
    local web=$1 before
    before=$(sha256sum <"$web/page.html")
    (cd "$web" && npm ci --no-audit --no-fund --loglevel=error && npm run --silent check && npm run --silent build)
    if [ "$before" != "$(sha256sum <"$web/page.html")" ]; then
        echo "symgrad/show/web/page.html is not what its sources build; run \`npm run build\` there" >&2
        return 1
    fi
}
