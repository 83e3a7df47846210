#!/usr/bin/env bash
# Installs what the tests and the demo use and the machine lacks. Does nothing where all is there.
#
#   scripts/ensure.sh compiler | libraries | curl | redis | versitygw | python | chromium ...
#
# Debian packages go through apt-get, as root or by sudo without a password; otherwise it says what to install.
# Exit 1 when something is still missing.
# shellcheck disable=SC2317  # the functions are called by name
set -euo pipefail

VERSITYGW=v1.8.0
updated=no

note() { printf 'ensure: %s\n' "$*" >&2; }

# as_root COMMAND...: runs it as root, without ever asking for a password.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_apt() {
  command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

# apt PACKAGE...: installs the packages; asks for fresh lists once. What apt-get says is shown when it fails.
apt() {
  local said
  if ! may_apt; then
    note "cannot install $*: apt-get and root (or sudo without a password) are needed; install it by hand"
    return 1
  fi
  if [ "$updated" = no ]; then
    as_root apt-get update -qq </dev/null >&2 || note "apt-get update failed; trying with the lists there are"
    updated=yes
  fi
  note "installing $*"
  said="$(as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" </dev/null 2>&1)" && return
  printf '%s\n' "$said" >&2
  return 1
}

# has_library SONAME: whether the loader finds it.
has_library() {
  case "$(uname -s)" in
    Darwin) ls /opt/homebrew/lib/"${1%%.so*}"*.dylib /usr/local/lib/"${1%%.so*}"*.dylib >/dev/null 2>&1 ;;
    *) PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null | grep -F "$1 " >/dev/null ;;
  esac
}

compiler() {
  command -v "${CC:-cc}" >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null && return
  apt gcc libc6-dev
}

# TurboJPEG and libwebp: the decoder class "exact". They are loaded at run time, so no headers are needed.
libraries() {
  if [ "$(uname -s)" = Darwin ]; then
    has_library libturbojpeg.so.0 && has_library libwebp.so.7 && return
    command -v brew >/dev/null && brew install jpeg-turbo webp >&2 && return
    note "TurboJPEG and libwebp are missing; install them with: brew install jpeg-turbo webp"
    return 1
  fi
  if ! has_library libturbojpeg.so.0; then
    apt libturbojpeg0 || apt libturbojpeg || return 1
  fi
  has_library libwebp.so.7 || apt libwebp7
}

curl() { # type -P: this function is not it
  type -P curl >/dev/null || apt curl
}

redis() {
  command -v redis-server >/dev/null && return
  if [ "$(uname -s)" = Darwin ] && command -v brew >/dev/null; then brew install redis >&2; return; fi
  apt redis-server || return 1
  # The package starts a server of its own; the tests start theirs on ports of their own and do not use it.
}

versitygw() {
  local bin
  bin="$(go env GOBIN)"
  bin="${bin:-$(go env GOPATH)/bin}"
  [ -x "$bin/versitygw" ] || type -P versitygw >/dev/null && return  # not the function
  note "building versitygw $VERSITYGW (about two minutes, once)"
  go install "github.com/versity/versitygw/cmd/versitygw@$VERSITYGW"
}

python() {
  if ! command -v python3 >/dev/null; then
    [ "$(uname -s)" = Linux ] || { note "python3 is missing; install Python 3.11 or newer"; return 1; }
    apt python3 || return 1
  fi
  local missing=()
  python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
  # Debian ships venv without ensurepip unless python3-venv is installed.
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  [ ${#missing[@]} -eq 0 ] || apt "${missing[@]}"
}

# A browser, for the tests of the console.
chromium() {
  local name
  for name in chromium chromium-browser google-chrome; do
    type -P "$name" >/dev/null && return  # not the function
  done
  if [ "$(uname -s)" = Darwin ]; then
    [ -d '/Applications/Google Chrome.app' ] || [ -d /Applications/Chromium.app ] && return
    note "no browser for the console's tests; install Chrome or Chromium"
    return 1
  fi
  apt chromium || apt chromium-browser
}

failed=0
for what in "$@"; do
  case "$what" in
    compiler | libraries | curl | redis | versitygw | python | chromium) "$what" || { note "$what: still missing"; failed=1; } ;;
    *) note "unknown: $what (compiler, libraries, curl, redis, versitygw, python, chromium)"; exit 2 ;;
  esac
done
exit "$failed"
